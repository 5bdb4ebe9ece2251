"""Several networks that were taught alike as one: how likely a kind is on, and its share, are their means.

Means of what stands before the logistic functions, so that one layer still tells all kinds from what all
trunks heard, side by side. Needs the extra `train` (onnx).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper, utils

from chowon.models.nilm.network.hearing import LEAST, session

_INPUTS: Final = ("mains_w", "known")
_SHAPE: Final = ("homes", "intervals")


def together(models: Sequence[bytes]) -> bytes:
    """The networks, as exporting.onnx_bytes writes them, of the same kinds in the same order, as one such."""
    if len(models) == 1:
        return models[0]
    gate, share = (_side_by_side(models, name) for name in ("gate", "share"))
    parts = [_trunk(model, f"member{i}.") for i, model in enumerate(models)]
    nodes = [
        *(node for part in parts for node in part.graph.node),
        helper.make_node("Concat", [f"member{i}.heard" for i in range(len(models))], ["heard"], axis=1),
        *_of("gate", "logit"),
        *_of("share", "share.logit"),
        helper.make_node("Sigmoid", ["share.logit"], ["part"]),
        helper.make_node("Unsqueeze", ["mains_w", "one"], ["mains_w.of_kinds"]),
        helper.make_node("Mul", ["part", "mains_w.of_kinds"], ["power_w"]),
    ]
    constants = [
        *(tensor for part in parts for tensor in part.graph.initializer),
        *_weights("gate", gate),
        *_weights("share", share),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
    ]
    kinds, features = len(gate), gate.shape[1] - 1
    outputs = {
        "logit": ["homes", kinds, "intervals"],
        "power_w": ["homes", kinds, "intervals"],
        "heard": ["homes", features, "intervals"],
        "gate": [kinds, features + 1],
        "share": [kinds, features + 1],
    }
    graph = helper.make_graph(
        nodes,
        "together",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(_SHAPE)) for name in _INPUTS],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        constants,
    )
    made = helper.make_model(graph, opset_imports=list(parts[0].opset_import))
    made.ir_version = parts[0].ir_version
    onnx.checker.check_model(made)
    whole: bytes = made.SerializeToString()
    return whole


def _side_by_side(models: Sequence[bytes], name: str) -> NDArray[np.float32]:
    """(kinds, all features + 1) the weights of all, divided among them."""
    nothing = {of: np.zeros((1, LEAST), np.float32) for of in _INPUTS}
    weights = [session(model).run([name], nothing)[0] for model in models]
    apart = [one[:, :-1] / len(models) for one in weights]
    always = np.mean([one[:, -1:] for one in weights], axis=0)
    return np.concatenate([*apart, always], axis=1).astype(np.float32)


def _trunk(model: bytes, named: str) -> onnx.ModelProto:
    """From the mains to what is heard, with this before all names but those of the inputs."""
    whole = onnx.load_from_string(model)
    trunk = compose.add_prefix(utils.Extractor(whole).extract_model(list(_INPUTS), ["heard"]), named)
    for node in trunk.graph.node:
        own = [name.removeprefix(named) for name in node.input]
        given = [short if short in _INPUTS else name for short, name in zip(own, node.input, strict=True)]
        del node.input[:]
        node.input.extend(given)
    return trunk


def _of(weights: str, out: str) -> list[onnx.NodeProto]:
    """(homes, kinds, intervals) from what is heard."""
    return [
        helper.make_node("MatMul", [f"{weights}.of_heard", "heard"], [f"{out}.of_heard"]),
        helper.make_node("Add", [f"{out}.of_heard", f"{weights}.always"], [out]),
        helper.make_node("Concat", [f"{weights}.of_heard", f"{weights}.always"], [weights], axis=1),
    ]


def _weights(name: str, of: NDArray[np.float32]) -> list[onnx.TensorProto]:
    return [
        numpy_helper.from_array(np.ascontiguousarray(of[:, :-1]), f"{name}.of_heard"),
        numpy_helper.from_array(np.ascontiguousarray(of[:, -1:]), f"{name}.always"),
    ]
