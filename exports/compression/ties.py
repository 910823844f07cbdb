"""Ties: the channels of a model that can only be removed together."""

from collections.abc import Sequence

import numpy as np
from keras import KerasTensor
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...core.layer_kinds import is_elementwise
from ...core.model_graph import Call, FlatGraph
from .calls import channels_of
from .kernels import Kernel
from .links import Role


class Ties:
    """All channels of a model's values, in groups that stay or go together.

    A channel of a sum is tied to the channels that are added, one of a flattened map to its places.

    Attributes:
        labels: The group of each channel, `(channels,)`, by value.
        pinned: The reason why a group has to stay, by group.
    """

    def __init__(self, graph: FlatGraph, roles: Sequence[tuple[Call, Role]]):
        values = dict.fromkeys([*graph.inputs, *(v for s in graph.calls for v in s.outputs)])
        self.count, self._atoms = 0, {}
        for value in values:
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
            elif isinstance(role, Kernel):
                if not is_elementwise(call.operation.activation):
                    self._stay(call.outputs[0], f"goes into the activation of {name}")
            else:
                pairs = zip(call.inputs, role.sources, strict=True)
                for value in (value for value, source in pairs if source is None):
                    self._stay(value, f"is read by {name}, which spreads it over channels")

    def _stay(self, value: KerasTensor, why: str) -> None:
        for group in np.unique(self.labels[value]):
            self.pinned.setdefault(int(group), why)
