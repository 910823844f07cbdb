"""Removal of dead channels: find them, move their constants into biases, take them out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from .graph import Graph, Step, Value
from .kernels import Change, DepthwiseKernel, Kernel, kernel_of
from .links import Link, activated, is_elementwise, link_of
from .rebuild import rebuild, unwrap
from .report import Compression, LayerChange, Refusal, weights_of
from .ties import Ties

_MIXES = "is not known to keep its channels apart"


class Removal:
    """The work of `shrink` on one model.

    Args:
        model: A functional or Sequential model.
        threshold: Largest magnitude of a weight that counts as 0.
    """

    def __init__(self, model: keras.Model, threshold: float):
        self.graph = Graph(model)
        unwrap(self.graph)
        self.threshold = threshold
        self.roles = [(step, _role(step, self.graph)) for step in self.graph.steps]
        self.ties = Ties(self.graph, self.roles)
        self.removed = np.zeros(self.ties.count, bool)  # by group
        self.touched: set[int] = set()
        self.blocked: dict[int, str] = {}
        self._run()

    def model(self) -> tuple[keras.Model, Compression]:
        """Return the smaller model and the report."""
        keep = self._keep()
        changes = dict(self._changes(keep))
        counts = {value: int(mask.sum()) for value, mask in keep.items() if mask.size}
        smaller, copies = rebuild(self.graph, changes, counts)
        before, after = weights_of(self.graph.model), weights_of(smaller)
        described = tuple(self._described(keep, changes, copies))
        refused = tuple(self._refused())
        return smaller, Compression(described, refused, before[0], after[0], before[1], after[1])

    def _kernels(self) -> Iterator[tuple[Step, Kernel, np.ndarray, np.ndarray]]:
        """Yield each step with a kernel, with the groups of its channels and of its units."""
        for step, role in self.roles:
            if isinstance(role, Kernel):
                labels = self.ties.labels
                yield step, role, labels[step.inputs[0]], labels[step.outputs[0]]

    def _run(self) -> None:
        while True:
            self._clear()
            known = _constants(self.roles, self.threshold)
            gone = self._removable(known)
            if not gone.any():
                return
            self._remove(gone, known)

    def _clear(self) -> None:
        """Set weights that count as 0 to 0, except in units that have to stay."""
        pinned = np.zeros(self.ties.count, bool)
        pinned[list(self.ties.pinned)] = True
        for _, kernel, _, units in self._kernels():
            small = kernel.channel_sizes() <= self.threshold
            kernel.clear_units((kernel.unit_sizes() <= self.threshold) & ~pinned[units])
            kernel.clear_channels(small)

    def _removable(self, known: dict[Value, np.ndarray]) -> np.ndarray:
        """Return which groups are not read, or only as constants that can move into a bias."""
        free = np.zeros(self.ties.count, bool)
        for groups in self.ties.labels.values():
            free[groups] = True
        free[list(self.ties.pinned)] = False
        self.blocked = {}
        for step, kernel, channels, _ in self._kernels():
            constant = known.get(step.inputs[0], np.full(len(channels), np.nan))
            read = kernel.channel_sizes() > 0
            padded = read & (constant != 0) & kernel.sees_padding
            varies = read & np.isnan(constant)
            free[channels[varies | padded]] = False
            self._note(channels[padded & ~varies], "is a constant but not 0, which", step, "pads")
            self._note(channels[varies], "is not constant where", step, "reads it")
        return free & ~self.removed

    def _note(self, groups: np.ndarray, why: str, step: Step, does: str) -> None:
        for group in np.unique(groups):
            self.blocked.setdefault(int(group), f"{why} {step.path} ({step.kind}) {does}")

    def _remove(self, gone: np.ndarray, known: dict[Value, np.ndarray]) -> None:
        for step, kernel, channels, units in self._kernels():
            going = gone[channels]
            constant = known.get(step.inputs[0])
            if constant is not None and going.any():
                before = kernel.bias
                kernel.add_constants(np.where(going, np.nan_to_num(constant), 0))
                if not np.array_equal(kernel.bias, before):
                    self.touched.add(id(step.operation))
            kernel.clear_channels(going)
            kernel.clear_units(gone[units])
            kernel.bias[gone[units]] = 0
        self.removed |= gone

    def _keep(self) -> dict[Value, np.ndarray]:
        """Return masks of the channels that stay; every layer keeps at least one."""
        for groups in self.ties.labels.values():
            if groups.size and self.removed[groups].all():
                self.removed[groups[0]] = False
                self.blocked[int(groups[0])] = "is the last one, and a layer has at least one"
        return {value: ~self.removed[groups] for value, groups in self.ties.labels.items()}

    def _changes(self, keep: dict[Value, np.ndarray]) -> Iterator[tuple[int, Change]]:
        for step, role in self.roles:
            if isinstance(role, str):
                continue
            inputs, output = [keep[value] for value in step.inputs], keep[step.outputs[0]]
            whole = all(mask.all() for mask in (*inputs, output))
            if isinstance(role, Kernel) and not (whole and id(step.operation) not in self.touched):
                yield id(step.operation), role.change(inputs[0], output)
            elif isinstance(role, Link) and not whole:
                yield id(step.operation), role.change(inputs, output)

    def _described(
        self, keep: dict[Value, np.ndarray], changes: dict[int, Change], copies: dict[int, Any]
    ) -> Iterator[LayerChange]:
        for step in self.graph.steps:
            key = id(step.operation)
            if key not in changes or not getattr(step.operation, "weights", ()):
                continue
            mask = keep[step.outputs[0]]
            what = f"{mask.size} -> {mask.sum()} units" if not mask.all() else ""
            if key in self.touched:
                what = f"{what}, constants into its bias".removeprefix(", ")
            before, after = weights_of(step.operation)[0], weights_of(copies[key])[0]
            yield LayerChange(step.path, step.kind, what or "fewer inputs", before, after)

    def _refused(self) -> Iterator[Refusal]:
        """Yield the units without weights that had to stay."""
        for step, role in self.roles:
            if isinstance(role, str):
                continue
            small = isinstance(role, Kernel) and role.unit_sizes() <= self.threshold
            dead = small if isinstance(role, Kernel) else ~np.isnan(role.fixed(self.threshold))
            groups = self.ties.labels[step.outputs[0]][dead]
            groups = groups[~self.removed[groups]]
            reasons = Counter(self.ties.pinned.get(g) or self.blocked[g] for g in groups.tolist())
            for reason, count in reasons.items():
                yield Refusal(step.path, step.kind, count, reason)


def _role(step: Step, graph: Graph) -> Kernel | Link | str:
    """Return the role of a step for channels, or the reason why they have to stay."""
    if why := graph.shared.get(id(step.operation)):
        return why
    kernel = kernel_of(step.operation)
    if isinstance(kernel, str):
        return kernel
    if kernel is not None and not isinstance(kernel, DepthwiseKernel):
        return "is a grouped convolution" if kernel.grouped else kernel
    link = link_of(step)
    if link is not None and link.has_shape and graph.calls[id(step.operation)] > 1:
        return "is called several times"
    return link or _MIXES


def _constants(
    roles: Sequence[tuple[Step, Kernel | Link | str]], threshold: float
) -> dict[Value, np.ndarray]:
    """Return the constants of channels that are the same everywhere, NaN for other channels.

    A unit without weights is `activation(bias)`. A layer that keeps channels apart turns one
    constant into another, unless it pads its input with zeros.

    Args:
        roles: Steps in their order, with their roles for channels.
        threshold: Largest magnitude of a gamma that counts as 0.
    """
    known: dict[Value, np.ndarray] = {}
    for step, role in roles:
        if isinstance(role, Kernel) and is_elementwise(step.operation.activation):
            dead = role.unit_sizes() == 0
            values = np.where(dead, activated(step.operation, role.bias), np.nan)
        elif isinstance(role, Link):
            values = _through(role, known, threshold)
        else:
            continue
        known[step.outputs[0]] = np.where(np.isfinite(values), values, np.nan)
    return known


def _through(link: Link, known: Mapping[Value, np.ndarray], threshold: float) -> np.ndarray:
    fixed = link.fixed(threshold)
    step = link.step
    given = [known.get(value, np.full(value.channels, np.nan)) for value in step.inputs]
    constant, zero = np.ones(len(fixed), bool), np.zeros(len(fixed), bool)
    for values, source in zip(given, link.sources, strict=True):
        if source is None:
            constant[:] = False
        else:
            of_source = np.where(source >= 0, values[source], 0.0)
            constant &= ~np.isnan(of_source)
            zero |= (of_source == 0) & (step.kind == "Multiply")
    if not (constant | zero).any():
        return fixed
    values = np.where(constant | zero, _evaluated(step, given), np.nan)
    return np.where(np.isnan(fixed), values, fixed)


def _evaluated(step: Step, given: list[np.ndarray]) -> np.ndarray:
    """Return the channels of the output that are the same at all places, NaN for the others."""
    arrays = {
        value: np.broadcast_to(np.nan_to_num(values) if len(values) else 0.0, value.sizes)
        for value, values in zip(step.inputs, given, strict=True)
    }
    output = step.evaluate(arrays)
    output = output.reshape(-1, output.shape[-1])
    if not len(output):
        return np.full(output.shape[-1], np.nan)
    same = np.isclose(output, output[:1], rtol=1e-6, atol=0).all(axis=0)
    return np.where(same, output[0], np.nan)
