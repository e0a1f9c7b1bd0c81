"""What quantization costs: SQNR of the logits, and top-1, of edgeq's C and of others on the same samples.

    python benchmarks/accuracy.py SHARED [--quick] [--only NAME] [--json OUT.json] [--markdown OUT.md]

SHARED is the folder with `models/` and `datasets/`. With `--markdown`, the tables take the place of those between two
marks in the file, as docs/accuracy.md has them. Every figure is a mean over 5 seeds: 100 samples, without labels,
to calibrate, the rest to measure; vww96, with 123 images, is measured in 5 folds. edgeq's
figures are those of the generated C. `--quick` takes one seed and three small models.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from float_onnx import ready_for_ort, to_onnx
from onnxruntime import quantization as ort
from onnxruntime.quantization.shape_inference import quant_pre_process

import edgeq
from edgeq.evaluate import evaluate_float
from edgeq.frontend import Calibration, ModelFile, without_softmax
from edgeq.ir.tensor import dequantize
from edgeq.ops.quantize import quantize_array
from edgeq.passes import normalization, run_passes
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.scheme import Scheme
from edgeq.quantize.stream import Noise, Runner, run

_SAMPLES, _SEEDS, _FOLDS = 100, 5, 5
_MARK, _END = "<!-- made by benchmarks/accuracy.py -->", "<!-- end -->"
Array = Any


@dataclass(frozen=True)
class Task:
    """A float model with labelled data, and the least SQNR in dB that it has to reach."""

    name: str
    model: str
    data: str
    prepare: Callable[[Array], Array]
    bar: float
    bar_16x8: float | None = None
    twin: str | None = None
    folds: bool = False


def _mfcc(x: Array) -> Array:
    return (x.astype(np.float32) - 83) * np.float32(0.5847029089927673)


def _pixels(x: Array) -> Array:
    return x.astype(np.float32)


def _unit(x: Array) -> Array:
    return x.astype(np.float32) / 255


def _digits(x: Array) -> Array:
    return _unit(x)[..., None]


def _planes(x: Array) -> Array:
    return _pixels(x)[:, None]


_MNIST = "tinymaix_mnist"
TASKS = (
    Task("kws", "mlperf_kws_float.tflite", "kws01_mfcc", _mfcc, 31, 37, "mlperf_kws_int8.tflite"),
    Task("alibaba_kws", "alibaba_kws.onnx", "kws01_mfcc", _mfcc, 28),
    Task("resnet8", "mlperf_resnet8_float.tflite", "cifar10_250", _pixels, 34, 34, "mlperf_resnet8_int8.tflite"),
    Task("mnist_resnet", f"{_MNIST}_resnet_float.tflite", "mnist", _digits, 37, None, f"{_MNIST}_resnet_int8.tflite"),
    Task("mnist_valid", f"{_MNIST}_valid_float.tflite", "mnist", _digits, 36, None, f"{_MNIST}_valid_int8.tflite"),
    Task("mnist8", "mnist8.onnx", "mnist", _planes, 40, 42),
    Task("vww96", "mlperf_vww96_float.tflite", "vww_coco", _unit, 25, 30, "mlperf_vww96_int8.tflite", folds=True),
)
_QUICK = ("kws", "mnist_valid", "mnist8")

CONTENDERS = {
    "edgeq": "edgeq int8",
    "edgeq_16x8": "edgeq 16x8",
    "twin": "int8 twin",
    "ort_minmax": "ORT MinMax",
    "ort_entropy": "ORT Entropy",
    "ort_percentile": "ORT Percentile",
}
_ORT = {
    "ort_minmax": ort.CalibrationMethod.MinMax,
    "ort_entropy": ort.CalibrationMethod.Entropy,
    "ort_percentile": ort.CalibrationMethod.Percentile,
}


@dataclass(frozen=True)
class Score:
    """Of one contender on one split: SQNR of the logits in dB, lost top-1 in points, changed classes in percent."""

    sqnr: float
    drop: float
    flips: float


@dataclass(frozen=True)
class Row:
    """All scores of one contender on one model, and the float model's top-1 in percent."""

    model: str
    contender: str
    bar: float | None
    float_top1: float
    scores: tuple[Score, ...]

    def mean(self, what: str) -> float:
        """Of all splits."""
        return statistics.fmean(getattr(s, what) for s in self.scores)


@dataclass(frozen=True)
class Split:
    """Samples to calibrate with, as the file of the model wants them, and samples to measure on."""

    fit: Array
    test: Array
    labels: Array


def splits(task: Task, shared: Path, seeds: int) -> Iterator[Split]:
    """Random halves by seed, or folds."""
    with np.load(shared / "datasets" / f"{task.data}.npz") as file:
        x, y = task.prepare(file["x"]), file["y"].astype(np.int64)
    for seed in range(seeds):
        order = np.random.default_rng(0 if task.folds else seed).permutation(len(x))
        test = order[seed::_FOLDS] if task.folds else order[_SAMPLES:]
        fit = np.setdiff1d(order, test)[:_SAMPLES]
        yield Split(x[fit], x[np.sort(test)], y[np.sort(test)])


class Net:
    """A float model: what edgeq makes of it, and the same net for ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        graph = without_softmax(ModelFile.read(path).load())
        self.path = path
        self.graph, _ = run_passes(graph, normalization(input_layout="nhwc"))
        self._runner = Runner(self.graph)
        is_onnx = path.suffix == ".onnx"
        self.onnx = ready_for_ort(onnx.load(path)) if is_onnx else to_onnx(self.graph)

    def data(self, x: Array) -> CalibrationData:
        """Samples as the graph takes them."""
        return Calibration(x).load(self.graph)

    def logits(self, x: Array) -> Array:
        """Of the float model."""
        (output,) = self.graph.outputs
        return np.concatenate([run(c)[output].reshape(c.count, -1) for c in self._runner.chunks(self.data(x))])

    def require_same_onnx(self, x: Array) -> None:
        """AssertionError where the ONNX model computes something else."""
        found = _run_onnx(self.onnx, x[:3])
        wanted = np.concatenate(
            [evaluate_float(self.graph, [*s])[self.graph.outputs[0]].reshape(1, -1) for s in self.data(x[:3])]
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())


def edgeq_logits(net: Net, split: Split, scheme: Scheme) -> Array:
    """The C's outputs, from samples of the float model."""
    model = edgeq.compile(net.path, calibrate=Calibration(split.fit), scheme=scheme, softmax=False)
    return _c_outputs(model, net.data(split.test))


def twin_logits(path: Path, net: Net, split: Split) -> Array:
    """The C's outputs for an integer model."""
    return _c_outputs(edgeq.compile(path, softmax=False), net.data(split.test))


def _c_outputs(model: edgeq.CompiledModel, data: CalibrationData) -> Array:
    (port,), (output,) = model.program.inputs, model.program.outputs
    found = [model.host.run([quantize_array(x, port.type)])[0] for (x,) in data]
    return np.stack([dequantize(y, output.type).reshape(-1) for y in found])


def ort_logits(net: Net, split: Split, method: ort.CalibrationMethod) -> Array:
    """ONNX Runtime's outputs for what its static quantizer makes: Q/DQ pairs, int8, weights per channel."""
    with tempfile.TemporaryDirectory() as folder:
        source, ready, made = (Path(folder) / f"{n}.onnx" for n in ("source", "ready", "made"))
        source.write_bytes(net.onnx)
        with _Quiet():
            quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
            ort.quantize_static(
                ready,
                made,
                _Samples(net.onnx, split.fit),
                quant_format=ort.QuantFormat.QDQ,
                per_channel=True,
                activation_type=ort.QuantType.QInt8,
                weight_type=ort.QuantType.QInt8,
                calibrate_method=method,
            )
        return _run_onnx(made.read_bytes(), split.test)


class _Samples(ort.CalibrationDataReader):
    """What ONNX Runtime's quantizer reads."""

    def __init__(self, model: bytes, x: Array) -> None:
        name = onnx.load_from_string(model).graph.input[0].name
        self._samples = iter([{name: sample[None]} for sample in x])

    def get_next(self) -> dict[str, Array] | None:
        """The next sample; None after the last."""
        return next(self._samples, None)


def _run_onnx(model: bytes, x: Array) -> Array:
    """One by one, Q/DQ pairs computed as they stand: no kernel that saturates inside."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: sample[None]})[0].reshape(1, -1) for sample in x])


class _Quiet:
    """The quantizer prints; nobody wants to read it."""

    def __enter__(self) -> None:
        self._stdout, sys.stdout = sys.stdout, Path(os.devnull).open("w")

    def __exit__(self, *_: object) -> None:
        sys.stdout.close()
        sys.stdout = self._stdout


def measure(task: Task, shared: Path, seeds: int) -> list[Row]:
    """Every contender on every split of one model."""
    models = shared / "models"
    net = Net(models / task.model)
    scores: dict[str, list[Score]] = {}
    top1 = []
    for number, split in enumerate(splits(task, shared, seeds)):
        start = time.perf_counter()
        if number == 0:
            net.require_same_onnx(split.test)
        right = net.logits(split.test)
        top1.append(_top1(right, split.labels))
        for name, logits in _contenders(task, net, models, split):
            scores.setdefault(name, []).append(score(logits, right, split.labels))
        print(
            f"{task.name} {number + 1}/{seeds}:",
            *(f"{CONTENDERS[n]} {s[-1].sqnr:.1f}," for n, s in scores.items()),
            f"{time.perf_counter() - start:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    bars = {"edgeq": task.bar, "edgeq_16x8": task.bar_16x8}
    return [Row(task.name, n, bars.get(n), statistics.fmean(top1), tuple(s)) for n, s in scores.items()]


def _contenders(task: Task, net: Net, models: Path, split: Split) -> Iterator[tuple[str, Array]]:
    yield "edgeq", edgeq_logits(net, split, Scheme())
    yield "edgeq_16x8", edgeq_logits(net, split, Scheme(activations="int16"))
    if task.twin:
        yield "twin", twin_logits(models / task.twin, net, split)
    for name, method in _ORT.items():
        yield name, ort_logits(net, split, method)


def _top1(logits: Array, labels: Array) -> float:
    return 100 * float(np.mean(logits.argmax(axis=1) == labels))


def score(found: Array, right: Array, labels: Array) -> Score:
    """Of a contender's logits beside those of the float model."""
    noise = Noise()
    noise.add(right, found)
    flips = 100 * float(np.mean(found.argmax(axis=1) != right.argmax(axis=1)))
    return Score(noise.sqnr, _top1(right, labels) - _top1(found, labels), flips)


def markdown(rows: Sequence[Row]) -> str:
    """A table per figure, a line per model."""
    models = dict.fromkeys(r.model for r in rows)
    found = {(r.model, r.contender): r for r in rows}
    names = [n for n in CONTENDERS if any(r.contender == n for r in rows)]
    lines = []
    for what, title in (("sqnr", "SQNR of the logits, dB"), ("drop", "lost top-1, points"), ("flips", "flips, %")):
        bars = ["bar"] if what == "sqnr" else ["float top-1"] if what == "drop" else []
        lines += [f"### {title}", "", _line(["model", *bars, *(CONTENDERS[n] for n in names)])]
        lines.append("|---|" + "--:|" * (len(names) + len(bars)))
        for model in models:
            first = found[model, "edgeq"]
            wide = found[model, "edgeq_16x8"].bar
            bar = f"{first.bar:g}" + (f", 16x8 {wide:g}" if wide else "")
            lead = {"sqnr": [bar], "drop": [f"{first.float_top1:.2f}"], "flips": []}[what]
            digits = 1 if what == "sqnr" else 2
            cells = [_figure(found.get((model, n)), what, digits) for n in names]
            lines.append(_line([model, *lead, *cells]))
        lines.append("")
    return "\n".join(lines)


def _figure(row: Row | None, what: str, digits: int) -> str:
    """A mean; no minus before a zero."""
    return "-" if row is None else f"{round(row.mean(what), digits) + 0.0:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def below(rows: Sequence[Row]) -> list[str]:
    """What is worse than it has to be, a sentence each."""
    found = {(r.model, r.contender): r for r in rows}
    said = [
        f"{r.model}: {CONTENDERS[r.contender]} has {r.mean('sqnr'):.2f} dB; the bar is {r.bar:g}"
        for r in rows
        if r.bar is not None and r.mean("sqnr") < r.bar
    ]
    for model in dict.fromkeys(r.model for r in rows):
        mine = found[model, "edgeq"].mean("sqnr")
        others = [r for r in rows if r.model == model and not r.contender.startswith("edgeq")]
        said += [
            f"{model}: {CONTENDERS[r.contender]} has {r.mean('sqnr'):.2f} dB, edgeq {mine:.2f}"
            for r in others
            if r.mean("sqnr") > mine
        ]
        most = 0.2 if model.startswith("mnist") else 1.0
        drop = found[model, "edgeq"].mean("drop")
        said += [f"{model}: edgeq loses {drop:.2f} points of top-1; the most is {most:g}"] if drop > most else []
    return said


def _write_between_marks(document: Path, tables: str) -> None:
    """In the place of the tables that are there; all of the file where there are no marks."""
    text = document.read_text() if document.exists() else ""
    before, mark, rest = text.partition(_MARK)
    _, end, after = rest.partition(_END)
    document.write_text(f"{before}{mark}\n\n{tables}\n{end}{after}" if end else tables)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--quick", action="store_true", help="one seed, three small models")
    parser.add_argument("--only", action="append", choices=[t.name for t in TASKS], help="this model; repeatable")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    chosen = parser.parse_args()
    names = chosen.only or (_QUICK if chosen.quick else [t.name for t in TASKS])
    rows = [r for t in TASKS if t.name in names for r in measure(t, chosen.shared, 1 if chosen.quick else _SEEDS)]
    print(markdown(rows))
    print("\n".join(below(rows)) or "every bar is reached")
    if chosen.json:
        document = {"schema_version": 1, "rows": [asdict(r) for r in rows]}
        chosen.json.write_text(json.dumps(document, indent=1) + "\n")
    if chosen.markdown:
        _write_between_marks(chosen.markdown, markdown(rows))


if __name__ == "__main__":
    main()
