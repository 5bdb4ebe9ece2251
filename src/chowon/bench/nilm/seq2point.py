"""The shape of seq2point (Zhang et al. 2018, AAAI) as ONNX with random weights: to be timed, not to tell.

Five convolutions over a window of 599 samples, a dense layer of 1,024, one value: the middle sample's power
of one appliance. Needs the extra `train` (onnx).
"""

from typing import Any, Final

import numpy as np

from chowon.errors import ExtraMissing
from chowon.models.nilm.seq2point import DENSE, LAYERS

WINDOW: Final = 599
"""Samples that it looks at for each value"""


def onnx_bytes(batch: int, seed: int = 0) -> bytes:
    """A file for (batch, 1, 599) `mains`. Errors: ExtraMissing."""
    try:
        from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise ExtraMissing("timing seq2point", "train") from missing
    random = np.random.default_rng(seed)
    nodes: list[Any] = []
    weights: list[Any] = []

    def add(name: str, *shape: int) -> str:
        values = random.normal(0, 0.02, shape).astype(np.float32)
        weights.append(numpy_helper.from_array(values, name))
        return name

    heard, channels = "mains", 1
    for i, (filters, samples) in enumerate(LAYERS):
        weight, bias = add(f"w{i}", filters, channels, samples), add(f"b{i}", filters)
        nodes.append(helper.make_node("Conv", [heard, weight, bias], [f"c{i}"], auto_pad="SAME_UPPER"))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        heard, channels = f"r{i}", filters
    nodes.append(helper.make_node("Flatten", [heard], ["flat"]))
    dense = [add("w_dense", channels * WINDOW, DENSE), add("b_dense", DENSE)]
    nodes.append(helper.make_node("Gemm", ["flat", *dense], ["dense"]))
    nodes.append(helper.make_node("Relu", ["dense"], ["inner"]))
    nodes.append(helper.make_node("Gemm", ["inner", add("w_out", DENSE, 1), add("b_out", 1)], ["power"]))
    inward = helper.make_tensor_value_info("mains", TensorProto.FLOAT, [batch, 1, WINDOW])
    outward = helper.make_tensor_value_info("power", TensorProto.FLOAT, [batch, 1])
    graph = helper.make_graph(nodes, "seq2point", [inward], [outward], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made: bytes = model.SerializeToString()
    return made
