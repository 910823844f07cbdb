"""Removal of dead channels, whose constants move into biases."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...core.layer_kinds import is_elementwise
from ...core.model_graph import Call, FlatGraph
from .kernels import DepthwiseKernel, KernelArrays, LayerUpdate, kernel_of
from .links import Link, Role, activated, channels_of, evaluate, link_of, trial_shape
from .rebuild import rebuild, unwrap_kernels
from .report import Compression, LayerChange, Refusal, weights_of


class Removal:
    """The state of `shrink` for one model."""

    def __init__(self, model: keras.Model, threshold: float):
        self.graph = FlatGraph(model)
        unwrap_kernels(self.graph)
        self.threshold = threshold
        self.roles = [(call, _role(call, self.graph)) for call in self.graph.calls]
        self.ties = _Ties(self.graph, self.roles)
        self.removed = np.zeros(self.ties.count, bool)  # by group
        self.touched: set[int] = set()  # layers whose bias took a constant
        self.blocked: dict[int, str] = {}  # why a group has to stay, by group
        while self._remove_dead():
            pass

    def model(self) -> tuple[keras.Model, Compression]:
        """Return the smaller model and the report."""
        keep = self._keep()
        changes = dict(self._changes(keep))
        counts = {value: int(mask.sum()) for value, mask in keep.items() if mask.size}
        smaller, copies = rebuild(self.graph, changes, counts)
        described = self._described(keep, changes, copies)
        return smaller, Compression.between(self.graph.model, smaller, described, self._refused())

    def _kernels(self) -> Iterator[tuple[Call, KernelArrays, np.ndarray, np.ndarray]]:
        """Yield each call with a kernel, with the groups of its channels and of its units."""
        for call, role in self.roles:
            if isinstance(role, KernelArrays):
                labels = self.ties.labels
                yield call, role, labels[call.inputs[0]], labels[call.outputs[0]]

    def _remove_dead(self) -> bool:
        """Remove the groups that are dead now, and return whether there were any."""
        pinned = np.zeros(self.ties.count, bool)
        pinned[list(self.ties.pinned)] = True
        for _, kernel, _, units in self._kernels():
            small = kernel.unit_sizes() <= self.threshold
            kernel.clear(kernel.channel_sizes() <= self.threshold, small & ~pinned[units])
        known = _constants(self.roles, self.threshold)
        dead = self._removable(known)
        self._remove(dead, known)
        return bool(dead.any())

    def _removable(self, known: dict[KerasTensor, np.ndarray]) -> np.ndarray:
        """Return the groups that nothing reads, or only as constants that can move into a bias."""
        free = np.zeros(self.ties.count, bool)
        for groups in self.ties.labels.values():
            free[groups] = True
        free[list(self.ties.pinned)] = False
        self.blocked = {}
        for call, kernel, channels, _ in self._kernels():
            constant = known.get(call.inputs[0], np.full(len(channels), np.nan))
            read = kernel.channel_sizes() > 0
            padded = read & (constant != 0) & kernel.sees_padding
            varies = read & np.isnan(constant)
            free[channels[varies | padded]] = False
            name = f"{call.path} ({call.kind})"
            why = f"is a nonzero constant, but {name} pads its input with zeros"
            self._note(channels[padded & ~varies], why)
            self._note(channels[varies], f"is not constant where {name} reads it")
        return free & ~self.removed

    def _note(self, groups: np.ndarray, why: str) -> None:
        for group in np.unique(groups):
            self.blocked.setdefault(int(group), why)

    def _remove(self, gone: np.ndarray, known: dict[KerasTensor, np.ndarray]) -> None:
        for call, kernel, channels, units in self._kernels():
            going = gone[channels]
            constant = known.get(call.inputs[0])
            if constant is not None and going.any():
                before = kernel.bias
                kernel.add_constants(np.where(going, np.nan_to_num(constant), 0))
                if not np.array_equal(kernel.bias, before):
                    self.touched.add(id(call.operation))
            kernel.clear(going, gone[units])
            kernel.bias[gone[units]] = 0
        self.removed |= gone

    def _keep(self) -> dict[KerasTensor, np.ndarray]:
        """Return masks of the channels that stay, at least one in each layer."""
        for groups in self.ties.labels.values():
            if groups.size and self.removed[groups].all():
                self.removed[groups[0]] = False
                self.blocked[int(groups[0])] = "is the last one, and a layer keeps at least one"
        return {value: ~self.removed[groups] for value, groups in self.ties.labels.items()}

    def _changes(self, keep: dict[KerasTensor, np.ndarray]) -> Iterator[tuple[int, LayerUpdate]]:
        for call, role in self.roles:
            if isinstance(role, str):
                continue
            inputs, output = [keep[value] for value in call.inputs], keep[call.outputs[0]]
            whole = all(mask.all() for mask in (*inputs, output))
            if isinstance(role, KernelArrays) and not (
                whole and id(call.operation) not in self.touched
            ):
                yield id(call.operation), role.change(inputs[0], output)
            elif isinstance(role, Link) and not whole:
                yield id(call.operation), role.change(inputs, output)

    def _described(
        self,
        keep: dict[KerasTensor, np.ndarray],
        changes: dict[int, LayerUpdate],
        copies: dict[int, Any],
    ) -> Iterator[LayerChange]:
        for call in self.graph.calls:
            key = id(call.operation)
            if key not in changes or not getattr(call.operation, "weights", ()):
                continue
            mask = keep[call.outputs[0]]
            what = f"{mask.size} -> {mask.sum()} units" if not mask.all() else ""
            if key in self.touched:
                what = f"{what}, constants into its bias".removeprefix(", ")
            before, after = weights_of(call.operation)[0], weights_of(copies[key])[0]
            yield LayerChange(call.path, call.kind, what or "fewer inputs", before, after)

    def _refused(self) -> Iterator[Refusal]:
        """Yield the dead units that had to stay."""
        for call, role in self.roles:
            if isinstance(role, str):
                continue
            if isinstance(role, KernelArrays):
                dead = role.unit_sizes() <= self.threshold
            else:
                dead = ~np.isnan(role.fixed(self.threshold))
            groups = self.ties.labels[call.outputs[0]][dead]
            groups = groups[~self.removed[groups]]
            reasons = Counter(self.ties.pinned.get(g) or self.blocked[g] for g in groups.tolist())
            for reason, count in reasons.items():
                yield Refusal(call.path, call.kind, count, reason)


class _Ties:
    """The channels of a model, in groups that can only be removed together.

    A channel of a sum is tied to the added channels, a channel of a map to its flattened positions.
    `labels` has the group of each channel, `pinned` the reason why a group has to stay.
    """

    def __init__(self, graph: FlatGraph, roles: Sequence[tuple[Call, Role]]):
        values = [*graph.inputs, *(value for call in graph.calls for value in call.outputs)]
        self.count, self._atoms = 0, {}
        for value in dict.fromkeys(values):
            self._atoms[value] = np.arange(self.count, self.count + channels_of(value))
            self.count += channels_of(value)
        pairs = self._pairs(roles)
        shape = (self.count, self.count)
        tied = coo_array((np.ones(pairs.shape[1]), tuple(pairs)), shape=shape)
        groups = connected_components(tied, directed=False)[1]
        self.labels = {value: groups[atoms] for value, atoms in self._atoms.items()}
        self.pinned: dict[int, str] = {}
        self._pin(graph, roles)

    def _pairs(self, roles: Sequence[tuple[Call, Role]]) -> np.ndarray:
        """Return the pairs of tied channels, `(2, pairs)`."""
        pairs = [np.empty((2, 0), int)]
        for call, role in roles:
            for value, source in zip(call.inputs, getattr(role, "sources", ()), strict=False):
                if source is not None:
                    tied = source >= 0
                    output = self._atoms[call.outputs[0]]
                    pairs.append(np.stack([self._atoms[value][source[tied]], output[tied]]))
        return np.concatenate(pairs, axis=1)

    def _pin(self, graph: FlatGraph, roles: Sequence[tuple[Call, Role]]) -> None:
        for value in graph.outputs:
            self._stay(value, "is an output of the model")
        for value in graph.inputs:
            self._stay(value, "is tied to an input of the model")
        for call, role in roles:
            name = f"{call.path} ({call.kind})"
            if isinstance(role, str):
                for value in call.inputs:
                    self._stay(value, f"is read by {name}, which {role}")
                for value in call.outputs:
                    self._stay(value, f"is tied to {name}, which {role}")
            elif isinstance(role, KernelArrays):
                if not is_elementwise(call.operation.activation):
                    self._stay(call.outputs[0], f"goes into the activation of {name}")
            else:
                pairs = zip(call.inputs, role.sources, strict=True)
                for value in (value for value, source in pairs if source is None):
                    self._stay(value, f"is read by {name}, which spreads it over channels")

    def _stay(self, value: KerasTensor, why: str) -> None:
        for group in np.unique(self.labels[value]):
            self.pinned.setdefault(int(group), why)


def _role(call: Call, graph: FlatGraph) -> Role:
    """Return the kernel or the link of a call, or the reason why its channels stay."""
    if why := graph.shared.get(id(call.operation)):
        return why
    kernel = kernel_of(call.operation)
    if isinstance(kernel, str):
        return kernel
    if kernel is not None and not isinstance(kernel, DepthwiseKernel):
        return "is a grouped convolution" if kernel.grouped else kernel
    link = link_of(call)
    if link is not None and link.has_shape and graph.call_counts[id(call.operation)] > 1:
        return "is called several times"
    return link or "is not known to keep its channels apart"


def _constants(
    roles: Sequence[tuple[Call, Role]], threshold: float
) -> dict[KerasTensor, np.ndarray]:
    """Return the value of constant channels, NaN for others.

    A unit without weights is `activation(bias)`. A layer that keeps channels apart maps constants
    to constants, unless it pads its input with zeros.
    """
    known: dict[KerasTensor, np.ndarray] = {}
    for call, role in roles:
        if isinstance(role, KernelArrays) and is_elementwise(call.operation.activation):
            dead = role.unit_sizes() == 0
            values = np.where(dead, activated(call.operation, role.bias), np.nan)
        elif isinstance(role, Link):
            values = _link_constants(role, known, threshold)
        else:
            continue
        known[call.outputs[0]] = np.where(np.isfinite(values), values, np.nan)
    return known


def _link_constants(
    link: Link, known: Mapping[KerasTensor, np.ndarray], threshold: float
) -> np.ndarray:
    fixed, call = link.fixed(threshold), link.call
    inputs = [known.get(value, np.full(channels_of(value), np.nan)) for value in call.inputs]
    constant, zero = np.ones(len(fixed), bool), np.zeros(len(fixed), bool)
    for values, source in zip(inputs, link.sources, strict=True):
        if source is None:
            constant[:] = False
        else:
            moved = np.where(source >= 0, values[source], 0.0)
            constant &= ~np.isnan(moved)
            zero |= (moved == 0) & (call.kind == "Multiply")
    if not (constant | zero).any():
        return fixed
    values = np.where(constant | zero, _evaluated(call, inputs), np.nan)
    return np.where(np.isnan(fixed), values, fixed)


def _evaluated(call: Call, inputs: list[np.ndarray]) -> np.ndarray:
    """Return the output channels that are the same at all positions, NaN for the others."""
    arrays = {
        value: np.broadcast_to(np.nan_to_num(values) if len(values) else 0.0, trial_shape(value))
        for value, values in zip(call.inputs, inputs, strict=True)
    }
    output = evaluate(call, arrays)
    output = output.reshape(-1, output.shape[-1])
    if not len(output):
        return np.full(output.shape[-1], np.nan)
    same = np.isclose(output, output[:1], rtol=1e-6, atol=0).all(axis=0)
    return np.where(same, output[0], np.nan)
