"""Makes a float graph an integer graph, once every value has an encoding.

Ports stay float: a `quantize` stands behind each float input, a `dequantize` before each float output (the pass
`integer_ports` takes them away). Where an op must read a value in another encoding than the value has, a
`requantize` stands between. A function of one value becomes the table of the real function.
"""

from dataclasses import replace

import numpy as np

from edgeq.errors import Refusal, UnsupportedModelError
from edgeq.fixedpoint import INT32_MAX, INT32_MIN, Rounding
from edgeq.ir import DType, Graph, Node, Origin, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ops.quantize import DequantizeAttrs, QuantizeAttrs, quantize_array
from edgeq.ops.requantize import RequantizeAttrs
from edgeq.ops.weight_groups import FACTORS
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.roles import ROLES, Role, fixed


def apply_encodings(graph: Graph, encodings: Encodings, rounding: Rounding = Rounding.SINGLE) -> Graph:
    """The integer graph.

    Args:
        graph: floats, normalized: no constant has two readers.
        encodings: of every float value; of a bias none is needed.
        rounding: how the integer graph rounds products.

    Raises:
        UnsupportedModelError: listing the nodes that cannot be quantized so: some value may have no encoding.
    """
    return _Applier(graph, encodings).run(rounding)


class _Applier:
    """The integer graph under construction; a value of it is named as the float that it stands for."""

    def __init__(self, graph: Graph, encodings: Encodings) -> None:
        self._graph = graph
        self._encodings = encodings
        self._nodes: list[Node] = []
        self._types: dict[str, TensorType] = {}
        self._constants: dict[str, Array] = {}
        self._origins: dict[str, Origin] = {}
        self._integers: dict[str, str] = {}
        self._converted: dict[tuple[str, Encoding], str] = {}

    def run(self, rounding: Rounding) -> Graph:
        graph = self._graph
        for name in graph.inputs:
            self._types[name] = graph.types[name]
            self._keep_origin(name, name)
            if graph.types[name].dtype.is_float and (name in graph.users or name in graph.outputs):
                encoding = self._encodings.values.get(name)
                if encoding is None:
                    raise UnsupportedModelError(graph.name, [(f"input {name}", _NO_RANGE)])
                self._integers[name] = self._add("quantize", (name,), f"{name}.q", encoding, f"input {name}")
            else:
                self._integers[name] = name
        refused = []
        for node in graph.nodes:
            try:
                self._node(node)
            except Refusal as error:
                refused.append((node.source or node.name, str(error)))
                self._assume(node)
        if refused:
            raise UnsupportedModelError(graph.name, refused)
        outputs = tuple(self._output(name) for name in graph.outputs)
        return Graph(
            graph.name,
            graph.inputs,
            outputs,
            tuple(self._nodes),
            self._types,
            self._constants,
            {v: o for v, o in self._origins.items() if v in self._types},
            rounding=rounding,
        )

    def _node(self, node: Node) -> None:
        role = ROLES[node.op]
        made = self._graph.types[node.outputs[0]]
        if node.op == "quantize" and made.quant is not None:  # its integers are read as such
            self._integers[node.outputs[0]] = self._converted_to(node.inputs[0], Encoding(made.dtype, made.quant))
            return
        if not made.dtype.is_float:
            self._emit(node, tuple(self._as_is(v) for v in node.inputs), None)
            return
        encoding = self._encoding(node.outputs[0])
        if role is Role.WEIGHTED:
            self._weighted(node, encoding)
        elif role is Role.MOVE:
            self._move(node, encoding)
        elif role is Role.FIXED:
            self._fixed(node, encoding)
        elif node.op in ("quantize", "dequantize", "requantize"):
            self._relabel(node, encoding)
        elif role is Role.TABLE:
            table = replace(node, attrs=replace(node.attrs, in_reals=True))
            self._emit(table, (self._typed(node, 0, encoding.dtype),), encoding)
        else:
            inputs = tuple(self._typed(node, i, encoding.dtype) for i in range(len(node.inputs)))
            self._emit(node, inputs, encoding)

    def _weighted(self, node: Node, encoding: Encoding) -> None:
        x = node.inputs[0]
        narrow = encoding.dtype is DType.S16 and self._encoding(x).dtype is DType.S8
        dtype = DType.S8 if narrow else encoding.dtype
        value = self._typed(node, 0, dtype)
        if node.inputs[1] not in self._graph.constants:
            raise Refusal("the weights are computed at run time; they must be constants of the model")
        weights = self._constant(node.inputs[1], self._encoding(node.inputs[1]))
        inputs = [value, weights]
        if len(node.inputs) > 2 and node.inputs[2]:
            inputs.append(self._bias(node, self._types[value], self._types[weights]))
        factors = self._encodings.factors.get(node.inputs[1])
        if factors is not None:
            inputs += [""] * (FACTORS - len(inputs))
            inputs.append(self._factors(weights, factors))
        self._emit(node, tuple(inputs), encoding)

    def _factors(self, weights: str, factors: Array) -> str:
        """The factors of groups of weights."""
        name = self._fresh(f"{weights}.factors")
        self._types[name], self._constants[name] = TensorType(factors.shape, DType.U8), factors
        return name

    def _bias(self, node: Node, x: TensorType, weights: TensorType) -> str:
        """A bias in steps of the product of the scales, in 32 bits, or 64 beside 16-bit activations."""
        name = node.inputs[2]
        if name not in self._graph.constants:
            raise Refusal("the bias is computed at run time; it must be a constant of the model")
        bias = self._graph.constants[name]
        scales = bias_scales(x.scale, weights, bias.shape)
        wide = x.dtype is DType.S16
        encoding = Encoding(DType.S64 if wide else DType.S32, Quant(tuple(scales), (0,) * len(scales), bias.ndim - 1))
        given = self._encodings.integers.get(name)
        if given is not None and _same_scales(self._encodings.values[name].quant, encoding.quant):
            steps = given.astype(np.float64)
        else:
            steps = np.rint(bias.astype(np.float64) / np.asarray(scales))
        if not wide and (steps.min() < INT32_MIN or steps.max() > INT32_MAX):
            raise Refusal(f"the bias reaches {np.abs(steps).max():.0f} steps; accepted: what fits int32")
        return self._define_constant(name, steps.astype(encoding.dtype.numpy), encoding)

    def _fixed(self, node: Node, encoding: Encoding) -> None:
        """In an encoding of the op's own, 8 bits where it has none in 16."""
        rule = fixed(node, encoding.dtype) or fixed(node, DType.S8)
        assert rule is not None
        as_it_is = self._encoding(node.inputs[0]).dtype in rule.reads
        x = self._as_is(node.inputs[0]) if as_it_is else self._typed(node, 0, rule.reads[0])
        self._emit(node, (x,), encoding, made=rule.encoding)

    def _move(self, node: Node, encoding: Encoding) -> None:
        """All in the output's encoding; of one operand, in the operand's, as it moves the same whatever it means.

        A constant beside it may be beyond what the operand's encoding holds.
        """
        floats = [v for v in node.inputs if v and self._is_float(v)]
        common = self._encoding(floats[0]) if len(floats) == 1 else encoding
        if common.dtype is not encoding.dtype:
            common = encoding
        inputs = tuple(
            self._converted_to(v, common) if v and self._is_float(v) else self._as_is(v) for v in node.inputs
        )
        self._emit(node, inputs, encoding, made=common)

    def _relabel(self, node: Node, encoding: Encoding) -> None:
        """A second encoding of the same reals, or a Q or DQ node at what is computed in integers."""
        source = self._as_is(node.inputs[0])
        type_ = self._types[source]
        assert type_.quant is not None
        if Encoding(type_.dtype, type_.quant) == encoding:
            self._integers[node.outputs[0]] = source
        else:
            self._integers[node.outputs[0]] = self._convert(source, node.outputs[0], encoding, node.source)

    def _emit(self, node: Node, inputs: tuple[str, ...], wanted: Encoding | None, made: Encoding | None = None) -> None:
        """Add the node; its output is made in the encoding `made`, and converted where another is wanted."""
        made = made or wanted
        output = node.outputs[0]
        same = made == wanted
        name = output if same else self._fresh(f"{output}.{node.op}")
        types = self._graph.types[output]
        self._types[name] = types if made is None else TensorType(types.shape, made.dtype, made.quant)
        self._nodes.append(replace(node, inputs=inputs, outputs=(name,)))
        self._keep_origin(output, name)
        if same:
            self._integers[output] = name
        else:
            assert wanted is not None
            self._integers[output] = self._convert(name, output, wanted, node.source)

    # Values in encodings

    def _encoding(self, value: str) -> Encoding:
        encoding = self._encodings.values.get(value)
        if encoding is None:
            raise Refusal(_NO_RANGE)
        return encoding

    def _is_float(self, value: str) -> bool:
        return self._graph.types[value].dtype.is_float

    def _as_is(self, value: str) -> str:
        """A value in its own encoding."""
        if not value:
            return ""
        if value in self._graph.constants:
            return self._constant(value, self._encoding(value) if self._is_float(value) else None)
        return self._integers[value]

    def _typed(self, node: Node, index: int, dtype: DType) -> str:
        """An operand in integers of the given type: in its own encoding, or in that which the node reads it in."""
        value = node.inputs[index]
        if not value or not self._is_float(value):
            return self._as_is(value)
        own = self._encoding(value)
        if own.dtype is dtype or own.dtype.is_narrow:  # a matrix of 4 bits stands beside any type
            return self._as_is(value)
        reading = self._encodings.readings.get((value, dtype))
        return self._converted_to(value, reading or recast(own, dtype))

    def _converted_to(self, value: str, encoding: Encoding) -> str:
        if value in self._graph.constants:
            return self._constant(value, encoding)
        if self._encoding(value) == encoding:
            return self._integers[value]
        key = (value, encoding)
        if key not in self._converted:
            stem = f"{value}.{encoding.dtype.value}"
            self._converted[key] = self._convert(self._integers[value], stem, encoding, f"requantize {value}")
        return self._converted[key]

    def _convert(self, source: str, stem: str, encoding: Encoding, reason: str) -> str:
        return self._add("requantize", (source,), stem, encoding, reason)

    def _add(self, op: str, inputs: tuple[str, ...], stem: str, encoding: Encoding, source: str) -> str:
        attrs = QuantizeAttrs() if op == "quantize" else RequantizeAttrs()
        name = self._fresh(stem)
        self._types[name] = TensorType(self._types[inputs[0]].shape, encoding.dtype, encoding.quant)
        self._nodes.append(Node(f"{op}.{name}", op, inputs, (name,), attrs, source))
        if op == "quantize":
            self._keep_origin(inputs[0], name)
        return name

    def _constant(self, name: str, encoding: Encoding | None) -> str:
        array, type_ = self._graph.constants[name], self._graph.types[name]
        if encoding is None:
            self._types[name], self._constants[name] = type_, array
            return name
        return self._define_constant(name, self._rounded(name, encoding), encoding)

    def _rounded(self, name: str, encoding: Encoding) -> Array:
        given = self._encodings.integers.get(name)
        if given is not None and self._encodings.values.get(name) == encoding:
            return given
        array = self._graph.constants[name]
        return quantize_array(array, TensorType(array.shape, encoding.dtype, encoding.quant))

    def _define_constant(self, stem: str, array: Array, encoding: Encoding) -> str:
        name = self._fresh(stem)
        self._types[name] = TensorType(array.shape, encoding.dtype, encoding.quant)
        self._constants[name] = array
        self._keep_origin(stem, name)
        return name

    def _output(self, name: str) -> str:
        """A port of the graph: float where it was float."""
        if name in self._graph.constants:
            return self._constant(name, None)
        if not self._is_float(name):
            return self._integers[name]
        port = self._fresh(f"{name}.out")
        self._types[port] = self._graph.types[name]
        source = self._integers[name]
        self._nodes.append(
            Node(f"dequantize.{port}", "dequantize", (source,), (port,), DequantizeAttrs(), f"output {name}")
        )
        self._keep_origin(name, port)
        return port

    def _assume(self, node: Node) -> None:
        """Take the output of a refused node as if it were there, so that those behind it are looked at too."""
        for output in node.outputs:
            encoding = self._encodings.values.get(output)
            type_ = self._graph.types[output]
            self._types[output] = TensorType(type_.shape, encoding.dtype, encoding.quant) if encoding else type_
            self._integers[output] = output

    def _keep_origin(self, old: str, new: str) -> None:
        if old in self._graph.origins:
            self._origins[new] = self._graph.origins[old]

    def _fresh(self, stem: str) -> str:
        name, number = stem, 1
        taken = self._graph.inputs
        while name in self._types or name in taken:
            name, number = f"{stem}.{number}", number + 1
        return name


_NO_RANGE = "nothing says which reals it holds; accepted: --calibrate with sample inputs, or a Q/DQ pair in the model"


def bias_scales(scale: float, weights: TensorType, shape: tuple[int, ...]) -> list[float]:
    """The steps of a bias, one per channel: products of scales, as float32."""
    assert weights.quant is not None
    per_channel = weights.quant.scale if weights.quant.axis is not None else weights.quant.scale * shape[-1]
    return [float(np.float32(scale * s)) for s in per_channel]


def recast(encoding: Encoding, dtype: DType) -> Encoding:
    """The same range in integers of another width, symmetric."""
    scale, zero = encoding.quant.scale[0], encoding.quant.zero_point[0]
    low, high = ((q - zero) * scale for q in encoding.dtype.range)
    return Encoding(dtype, Quant.per_tensor(max(-low, high) / dtype.range[1], 0))


def _same_scales(a: Quant, b: Quant) -> bool:
    first = np.asarray(a.scale if a.axis is not None else a.scale * len(b.scale))
    return first.shape == (len(b.scale),) and bool(np.allclose(first, b.scale, rtol=1e-5, atol=0))
