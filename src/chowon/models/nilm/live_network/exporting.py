"""The trained network as one step of all homes, in a file that needs no torch. Extra `train` (torch, onnx).

A tick is one call: within an ONNX `If` each, the quick part where a meter is heard by the tick, and the
minute part where the tick closes a minute. State goes in and comes out.
"""

import io
import warnings
from collections.abc import Sequence

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.nn import functional

from chowon.models.nilm.live_network.front import BLOCK, HEARD, RATES
from chowon.models.nilm.live_network.shape import (
    APART,
    CONTEXT,
    NARROW,
    TRUNK,
    WIDTH,
    Block,
    Network,
    heard_of,
    seen_of,
)
from chowon.models.nilm.network.exporting import OPSET, halved

_TICK_IN = ("tick_w", "tick_known", "heard_w", "heard_known", "trunk", "bases_w", "has", "tick_gate")
_TICK_OUT = ("heard_w_next", "heard_known_next", "tick_power_w")
_READ = tuple(f"{which}_{i}" for i in range(len(APART)) for which in ("near", "far"))
_MINUTE_IN = (
    "minute_w",
    "minute_known",
    "before_w",
    "before_known",
    "bases_w",
    "old_w",
    "sums",
    "peaks",
    "context",
    "turns",
    "has",
    "minute_gate",
    "settled_gate",
    *_READ,
)
_MINUTE_OUT = (
    "bases_w_next",
    "sums_next",
    "peaks_next",
    "context_next",
    "trunk_next",
    "now_w",
    "settled_w",
    *(f"narrow_{i}" for i in range(len(APART))),
)
_NO_HOMES = frozenset({"tick_gate", "minute_gate", "settled_gate", "turns"})
"""Inputs without an axis of homes"""


def onnx_bytes(network: Network) -> bytes:
    """One step of any number of homes. Large weights as float16."""
    network.eval()
    kinds = len(network.vectors)
    tick = _exported(_Tick(network), _tick_example(kinds), _TICK_IN, _TICK_OUT)
    minute = _exported(_Minute(network), _minute_example(kinds), _MINUTE_IN, _MINUTE_OUT)
    made: bytes = _joined(tick, minute).SerializeToString()
    return made


class _Tick(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        tick_w: Tensor,
        tick_known: Tensor,
        heard_w: Tensor,
        heard_known: Tensor,
        trunk: Tensor,
        bases_w: Tensor,
        has: Tensor,
        tick_gate: Tensor,
    ) -> tuple[Tensor, ...]:
        network = self.network
        whole_w = torch.cat([heard_w, tick_w[:, None]], 1)
        whole_known = torch.cat([heard_known, tick_known[:, None]], 1)
        listened = torch.stack(heard_of(whole_w, whole_known), 1).flatten(1)
        inner = functional.linear(listened, network.listen.weight.flatten(1), network.listen.bias)
        quick = functional.gelu(network.quick(functional.gelu(inner)))
        step_w = (tick_w - heard_w[:, -1]) * tick_known * heard_known[:, -1]
        seen = seen_of(tick_w, tick_known, step_w, bases_w)
        said = network.by_tick(trunk[:, None], quick[:, None], seen[:, None])
        power_w = _told(said.logit[..., 0], said.share[..., 0], tick_w, has, tick_gate)
        return whole_w[:, 1:], whole_known[:, 1:], power_w


class _Minute(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.blocks = nn.ModuleList(_Block(block) for block in network.blocks)
        self.register_buffer("rates", torch.tensor(RATES))

    def forward(
        self,
        minute_w: Tensor,
        minute_known: Tensor,
        before_w: Tensor,
        before_known: Tensor,
        bases_w: Tensor,
        old_w: Tensor,
        sums: Tensor,
        peaks: Tensor,
        context: Tensor,
        turns: Tensor,
        has: Tensor,
        minute_gate: Tensor,
        settled_gate: Tensor,
        *read: Tensor,
    ) -> tuple[Tensor, ...]:
        network, watts = self.network, minute_w[:, None]
        lower = (bases_w < 0) | (watts < bases_w)
        moved = torch.where(lower, watts, bases_w + self.rates * (watts - bases_w))
        bases_w = torch.where(minute_known[:, None] > 0, moved, bases_w)
        step_w = (minute_w - before_w) * minute_known * before_known
        seen = seen_of(minute_w, minute_known, step_w, bases_w)
        heard = functional.gelu(network.stem(seen))
        narrow = []
        for i, block in enumerate(self.blocks):
            heard, now = block(heard, read[2 * i], read[2 * i + 1])
            narrow.append(now)
        sums, peaks = sums + heard, torch.maximum(peaks, heard)
        turned = self._turned(torch.cat([sums / BLOCK, peaks], -1), context)
        context = torch.where(turns > 0, turned, context)
        sums, peaks = (torch.where(turns > 0, torch.zeros_like(one), one) for one in (sums, peaks))
        trunk = functional.gelu(network.trunk(torch.cat([heard, context], -1)))
        now_said, settled = network.by_minute(trunk[:, None])
        now_w = _told(now_said.logit[..., 0], now_said.share[..., 0], minute_w, has, minute_gate)
        settled_w = _told(settled.logit[..., 0], settled.share[..., 0], old_w, has, settled_gate)
        return bases_w, sums, peaks, context, trunk, now_w, settled_w, *narrow

    def _turned(self, pooled: Tensor, context: Tensor) -> Tensor:
        slow = self.network.slow
        new = functional.linear(pooled, slow.weight_ih_l0, slow.bias_ih_l0).chunk(3, -1)
        old = functional.linear(context, slow.weight_hh_l0, slow.bias_hh_l0).chunk(3, -1)
        reset, keep = torch.sigmoid(new[0] + old[0]), torch.sigmoid(new[1] + old[1])
        return (1 - keep) * torch.tanh(new[2] + reset * old[2]) + keep * context


class _Block(nn.Module):
    """A block at one minute; its norm is part of its weights."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        norm = block.norm
        with torch.no_grad():
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            self.over = nn.Linear(3 * NARROW, 2 * WIDTH)
            self.over.weight.copy_((block.over.weight * scale[:, None, None]).transpose(1, 2).flatten(1))
            self.over.bias.copy_((block.over.bias - norm.running_mean) * scale + norm.bias)
            self.narrow, self.out = _linear(block.narrow), _linear(block.out)

    def forward(self, heard: Tensor, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
        """(what goes on, what is kept)."""
        now = self.narrow(heard)
        value, gate = self.over(torch.cat([far, near, now], -1)).chunk(2, -1)
        return heard + self.out(functional.gelu(value) * torch.sigmoid(gate)), now


def _linear(of_one: nn.Conv1d) -> nn.Linear:
    made = nn.Linear(of_one.in_channels, of_one.out_channels)
    with torch.no_grad():
        made.weight.copy_(of_one.weight[..., 0])
        made.bias.copy_(of_one.bias)
    return made


def _told(logit: Tensor, share: Tensor, mains_w: Tensor, has: Tensor, gate: Tensor) -> Tensor:
    """(homes, kinds) W: parts that together are the mains at most."""
    watts = torch.where(torch.sigmoid(logit) >= gate, share * mains_w[:, None], torch.zeros_like(share))
    watts = watts * has
    total = watts.sum(-1, keepdim=True)
    return watts * (mains_w[:, None] / torch.clamp(torch.maximum(total, mains_w[:, None]), min=1e-3))


def _tick_example(kinds: int) -> tuple[Tensor, ...]:
    homes = 2
    heard = torch.rand(homes, HEARD - 1)
    many = torch.rand(homes, TRUNK), torch.rand(homes, 3), torch.ones(homes, kinds), torch.ones(kinds)
    return torch.rand(homes), torch.ones(homes), heard, heard, *many


def _minute_example(kinds: int) -> tuple[Tensor, ...]:
    homes = 2
    one = torch.rand(homes)
    start = one, one, one, one, torch.rand(homes, 3), one
    slow = torch.rand(homes, WIDTH), torch.rand(homes, WIDTH), torch.rand(homes, CONTEXT), torch.ones(1)
    read = (torch.rand(homes, NARROW) for _ in _READ)
    return *start, *slow, torch.ones(homes, kinds), torch.ones(kinds), torch.ones(kinds), *read


def _exported(
    module: nn.Module, example: tuple[Tensor, ...], inward: Sequence[str], outward: Sequence[str]
) -> onnx.ModelProto:
    sink = io.BytesIO()
    named = [name for name in (*inward, *outward) if name not in _NO_HOMES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter tells of what it does not fold
        torch.onnx.export(
            module.eval(),
            example,
            sink,
            input_names=list(inward),
            output_names=list(outward),
            dynamic_axes={name: {0: "homes"} for name in named},
            opset_version=OPSET,
            dynamo=False,
        )
    return halved(onnx.load_from_string(sink.getvalue()))


def _joined(tick: onnx.ModelProto, minute: onnx.ModelProto) -> onnx.ModelProto:
    """Both as branches of an `If` each, which read the inputs from outside."""
    inward: dict[str, onnx.ValueInfoProto] = {}
    nodes, outward = [], []
    for name, when, model in (("tick", "hears", tick), ("minute", "closes", minute)):
        inner = onnx.compose.add_prefix_graph(
            model.graph, f"{name}/", rename_inputs=False, rename_outputs=False
        )
        inward |= {value.name: value for value in inner.input}
        inward[when] = helper.make_tensor_value_info(when, TensorProto.BOOL, [])
        del inner.input[:]
        told = [value.name for value in inner.output]
        nothing = helper.make_graph(
            [_empty(f"no/{one}") for one in told],
            f"no_{name}",
            [],
            [_any_matrix(f"no/{one}") for one in told],
        )
        nodes.append(helper.make_node("If", [when], told, then_branch=inner, else_branch=nothing))
        outward += [_any_matrix(one) for one in told]
    graph = helper.make_graph(nodes, "live", list(inward.values()), outward)
    made = helper.make_model(graph, opset_imports=list(tick.opset_import), ir_version=tick.ir_version)
    onnx.checker.check_model(made)
    return made


def _any_matrix(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None])


def _empty(name: str) -> onnx.NodeProto:
    nothing = helper.make_tensor(f"{name}/value", TensorProto.FLOAT, [0, 1], [])
    return helper.make_node("Constant", [], [name], value=nothing)
