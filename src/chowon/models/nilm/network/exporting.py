"""Weights as a file that needs no torch. Needs the extra `train` (torch, onnx)."""

import io
import warnings

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from chowon.models.nilm.network.shape import Network

OPSET = 17
OUTPUTS = ("logit", "power_w", "heard", "gate", "share")
_LARGE = 256
"""Tensors of more numbers are kept in half precision"""


class _Said(nn.Module):  # type: ignore[misc]
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, mains_w: Tensor, known: Tensor) -> tuple[Tensor, ...]:
        return self.network.said(mains_w, known)


def onnx_bytes(network: Network) -> bytes:
    """The network for any batch and any length that is a multiple of 64. Large weights as float16.

    Its outputs are those of Network.said, by name.
    """
    network.eval()
    example = torch.rand(2, 1024), torch.ones(2, 1024)
    sink = io.BytesIO()
    axes = {0: "homes", 1: "intervals"}
    outward = {0: "homes", 2: "intervals"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter tells of what it does not fold
        torch.onnx.export(
            _Said(network),
            example,
            sink,
            input_names=["mains_w", "known"],
            output_names=list(OUTPUTS),
            dynamic_axes={"mains_w": axes, "known": axes} | dict.fromkeys(OUTPUTS[:3], outward),
            opset_version=OPSET,
            dynamo=False,
        )
    made: bytes = halved(onnx.load_from_string(sink.getvalue())).SerializeToString()
    return made


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Large constants as float16, cast back where the file is opened."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= _LARGE:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model
