"""Makes the example: a small CNN on scikit-learn's 8x8 digits, in float and in int8.

    examples/digits.onnx            the network as it was trained; pixels are 0..1
    examples/digits_int8.tflite     quantized with the smallest and largest values seen on the training images
    examples/digits_train.npz       training images to calibrate with; pixels are 0..16
    examples/digits.npz             test images and their labels; pixels are int8, as the int8 model takes them

The images are from the UCI data set "Optical Recognition of Handwritten Digits" (CC BY 4.0).
In an environment of its own:

    pip install torch==2.13.0 scikit-learn==1.9.1 ai-edge-litert==2.3.0 onnx==1.23.2
    python tests/models/make_digits.py

The same machine and versions give the same bytes; another processor may round a training step differently.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, checker, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

_TESTS = Path(__file__).resolve().parents[1]
_EXAMPLES = _TESTS.parent / "examples"
sys.path.insert(0, str(_TESTS))

from tflite_writer import TfliteWriter  # noqa: E402 - found through the line above

Shape = tuple[int, ...]
Span = tuple[float, float]  # smallest and largest value of an activation

_SEED = 1
_EPOCHS = 80
_BATCH = 64
_KEPT = 200  # test images in digits.npz
_CALIBRATION = 100  # training images in digits_train.npz
_SAME, _VALID, _RELU = 0, 1, 1  # the schema's codes
_INPUT = (1 / 255, -128)  # scale and zero point of pixels in 0..1
_SOFTMAX = (1 / 256, -128)  # what TFLite fixes for a softmax


class Net(nn.Module):
    """conv 3x3, depthwise 3x3, conv 1x1, max pool 2x2, dense. The layers in order are the operators of the file."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.pointwise = nn.Conv2d(16, 16, 1)
        self.dense = nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Every activation by name, from images `[batch, 1, 8, 8]`. The dense layer reads rows, columns, channels."""
        conv = torch.relu(self.conv(x))
        depthwise = torch.relu(self.depthwise(conv))
        pointwise = torch.relu(self.pointwise(depthwise))
        pool = nn.functional.max_pool2d(pointwise, 2)
        dense = self.dense(pool.permute(0, 2, 3, 1).flatten(1))
        return {"conv": conv, "depthwise": depthwise, "pointwise": pointwise, "dense": dense}


def main() -> None:
    """Train, quantize, write both files."""
    torch.manual_seed(_SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    x, x_test, y, y_test = train_test_split(
        images, digits.target, test_size=0.25, random_state=_SEED, stratify=digits.target
    )
    net = train(torch.from_numpy(x), torch.from_numpy(y))
    with torch.no_grad():
        correct = net(torch.from_numpy(x_test))["dense"].argmax(1).numpy() == y_test
        spans = {name: (float(a.min()), float(a.max())) for name, a in net(torch.from_numpy(x)).items()}
    print(f"float accuracy {correct.mean():.4f} on {len(y_test)} images")
    model = quantized(net, spans)
    pixels = np.round(x_test[:_KEPT] / _INPUT[0] + _INPUT[1]).astype(np.int8)
    _EXAMPLES.mkdir(exist_ok=True)
    (_EXAMPLES / "digits_int8.tflite").write_bytes(model)
    np.savez_compressed(_EXAMPLES / "digits.npz", x=pixels.transpose(0, 2, 3, 1), y=y_test[:_KEPT].astype(np.uint8))
    exported = floats(net)
    (_EXAMPLES / "digits.onnx").write_bytes(exported)
    np.savez_compressed(_EXAMPLES / "digits_train.npz", x=(x[:_CALIBRATION] * 16).astype(np.uint8))
    print(f"digits_int8.tflite: {len(model)} bytes; digits.onnx: {len(exported)} bytes; {_KEPT} test images")


def train(x: torch.Tensor, y: torch.Tensor) -> Net:
    """A trained network."""
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _EPOCHS)
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(x)).split(_BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[batch])["dense"], y[batch]).backward()
            optimizer.step()
        schedule.step()
    return net.eval()


def quantized(net: Net, spans: dict[str, Span]) -> bytes:
    """The network as an int8 TFLite file, scales per output channel, as the usual converter writes it."""
    m = TfliteWriter()
    image = m.tensor((1, 8, 8, 1), scale=_INPUT[0], zero_point=_INPUT[1], name="image")
    conv = _layer(m, net.conv, image, (1, 8, 8, 16), name="conv", span=spans["conv"])
    depthwise = _layer(m, net.depthwise, conv, (1, 8, 8, 16), name="depthwise", span=spans["depthwise"])
    pointwise = _layer(m, net.pointwise, depthwise, (1, 8, 8, 16), name="pointwise", span=spans["pointwise"])
    scale, zero_point = _activation(*spans["pointwise"])
    pool = m.tensor((1, 4, 4, 16), scale=scale, zero_point=zero_point, name="pool")
    options = {"padding": _VALID, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    m.operator("MAX_POOL_2D", [pointwise], [pool], "Pool2DOptions", **options)
    flat = m.tensor((1, 256), scale=scale, zero_point=zero_point, name="flat")
    m.operator("RESHAPE", [pool, m.constant(np.array([-1, 256], np.int32), name="flat/shape")], [flat])
    dense = _layer(m, net.dense, flat, (1, 10), name="dense", span=spans["dense"])
    digit = m.tensor((1, 10), scale=_SOFTMAX[0], zero_point=_SOFTMAX[1], name="digit")
    m.operator("SOFTMAX", [dense], [digit], "SoftmaxOptions", beta=1.0)
    return m.build([image], [digit])


def floats(net: Net) -> bytes:
    """The network as a float ONNX file, as torch's exporter names the operators."""
    constants = {name: parameter.detach().numpy() for name, parameter in net.named_parameters()}
    nodes = []
    image = "image"
    for name, groups, kernel in (("conv", 1, 3), ("depthwise", 16, 3), ("pointwise", 1, 1)):
        pads = [kernel // 2] * 4
        inputs = [image, f"{name}.weight", f"{name}.bias"]
        nodes.append(helper.make_node("Conv", inputs, [name], name, group=groups, pads=pads, kernel_shape=[kernel] * 2))
        nodes.append(helper.make_node("Relu", [name], [f"{name}.relu"], f"{name}.relu"))
        image = f"{name}.relu"
    nodes.append(helper.make_node("MaxPool", [image], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]))
    nodes.append(helper.make_node("Transpose", ["pool"], ["rows"], "rows", perm=[0, 2, 3, 1]))
    nodes.append(helper.make_node("Flatten", ["rows"], ["flat"], "flat"))
    nodes.append(helper.make_node("Gemm", ["flat", "dense.weight", "dense.bias"], ["dense"], "dense", transB=1))
    nodes.append(helper.make_node("Softmax", ["dense"], ["digit"], "digit", axis=1))
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("image", ["batch", 1, 8, 8]), ("digit", ["batch", 10]))
    ]
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "digits", ports[:1], ports[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _layer(m: TfliteWriter, layer: nn.Conv2d | nn.Linear, x: int, shape: Shape, *, name: str, span: Span) -> int:
    """Add the operator of a layer with weights, its output values spanning low..high; returns the output tensor."""
    weights = layer.weight.detach().numpy().astype(np.float64)
    bias = layer.bias.detach().numpy().astype(np.float64)
    x_scale = m.tensors[x].quantization.scale[0]
    scales = (np.abs(weights).reshape(len(weights), -1).max(axis=1) / 127).astype(np.float32)
    steps = np.round(weights / scales.reshape(-1, *[1] * (weights.ndim - 1))).astype(np.int8)
    operator, options, fields, order = _operator(layer)
    steps = np.ascontiguousarray(steps.transpose(order))
    w = m.constant(steps, scale=scales, axis=order.index(0), name=f"{name}/weights")
    b = m.constant(np.round(bias / (x_scale * scales)).astype(np.int32), scale=x_scale * scales, name=f"{name}/bias")
    scale, zero_point = _activation(*span)
    y = m.tensor(shape, scale=scale, zero_point=zero_point, name=name)
    m.operator(operator, [x, w, b], [y], options, **fields)
    return y


def _operator(layer: nn.Conv2d | nn.Linear) -> tuple[str, str, dict[str, int], tuple[int, ...]]:
    """Operator, options table and its fields, and the order of torch's weight axes in TFLite."""
    if isinstance(layer, nn.Linear):
        return "FULLY_CONNECTED", "FullyConnectedOptions", {}, (0, 1)
    fields = {"padding": _SAME, "fusedActivationFunction": _RELU, "strideH": 1, "strideW": 1}
    if layer.groups == 1:
        return "CONV_2D", "Conv2DOptions", fields, (0, 2, 3, 1)
    return "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", {**fields, "depthMultiplier": 1}, (1, 2, 3, 0)


def _activation(low: float, high: float) -> tuple[float, int]:
    """Scale and zero point such that int8 covers low..high, with zero exactly representable."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255))
    return scale, round(-128 - low / scale)


if __name__ == "__main__":
    main()
