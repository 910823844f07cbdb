"""`ProximalPenalty`: L1 and group lasso whose weights really become zero."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..training_hook import install, remove
from ..variables import copies, copy_of
from .kernels import Kernel, Pattern, check_patterns, select_kernels
from .proximal_step import ProximalStep

__all__ = ["ProximalPenalty"]


class _Strength:
    """A checked float attribute, in a scalar variable of which the name begins with `_`.

    Without a value, None, there is no variable, and none can be assigned any more.
    """

    def __set_name__(self, owner: type, name: str):
        self.name = name

    def __get__(self, callback: Any, owner: type | None = None) -> Any:
        return self if callback is None else vars(callback)[self.name]

    def __set__(self, callback: Any, value: float | None):
        own, name = vars(callback), self.name
        if value is None and own.get(name) is None:
            own[name] = None
            return
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not 0 <= value < math.inf:
            raise ValueError(
                f"ProximalPenalty: `{name}` must be a finite number >= 0. "
                f"Received: {name}={value!r}"
            )
        if name in own and own[name] is None:
            raise ValueError(
                f"ProximalPenalty: `{name}` can be assigned only if it was given, be it as 0; it "
                f"is no part of the training step. Received: {name}={value!r}"
            )
        own.setdefault(f"_{name}", _scalar(name)).assign(value)
        own[name] = float(value)
        callback._check_groups()


class ProximalPenalty(keras.callbacks.Callback):
    """Sparse weights: soft-thresholding after each update of the optimizer.

        w <- prox(optimizer's update of w, threshold = learning rate * strength)

    minimizes  loss + l1 * sum |w| + group_lasso * sum over units u of sqrt(n) * |w_u|_2,  where
    `w_u` are the n weights into unit u. The penalty is not in the loss: a gradient step on |w|
    jumps over zero and leaves no weight there; the proximal step leaves exact zeros. With both
    strengths single weights are thresholded first, and then units (sparse group lasso).

    The step is made in the graph, after every update, with the learning rate of that very update
    (schedules included), also within `steps_per_execution > 1`. With gradient accumulation it is
    made only when an update happens, with loss scaling not when the update is skipped. A constraint
    that a variable has is applied after it, so that it holds. Of `l1` and `group_lasso`, what is
    given, be it as 0, can be assigned at any time, inside `fit` too, with no retrace; what is not
    is no part of the step.

    With SGD this is proximal gradient descent (ISTA) and has the minimum of the penalized loss as
    its fixed point. With an optimizer that scales its steps weight by weight, as Adam does, the
    threshold still is the plain learning rate times the strength, as in decoupled weight decay. The
    zeros are as exact, but a weight is zero where the mean of its gradients, over their root mean
    square, stays below the strength: strengths are free of units, and not comparable with those of
    SGD. Steps that are signs (Lion, or RMSprop without noise) jump over zero whatever its strength.

    With `debias_from`, the support is fixed from that epoch on: what is zero stays zero, and the
    rest is trained without the penalty, which takes the bias of shrinkage away.

    Each epoch logs `sparsity`, the fraction of exact zeros among the selected weights, and
    `sparsity/<layer path>`, of the model as it is when the epoch ends. An average of sparse weights
    is hardly sparse: begin `WeightAverage` where debiasing begins, and place it after this one.

    Args:
        l1: strength, a number >= 0.
        group_lasso: strength of the penalty on whole units, a number >= 0.
        groups: "outputs": a unit's incoming weights are a group, and become zero together, so that
            `exports.shrink` can remove the unit; "inputs": those that lead out of an input.
        layers: patterns (names, paths with a slash, or classes) of the layers whose kernels are
            penalized; by default all trainable ones. Biases and normalization never are.
        exclude: patterns of layers to leave out, such as the head, whose units are the classes.
        debias_from: the epoch, from 0, with which debiasing begins.

    Raises:
        ValueError: neither strength is given, an argument is out of its range, no kernel is
            selected, a selected one has an L1 or group lasso regularizer (it would count twice), or
            `group_lasso` is for a layer whose units are not known (recurrent ones).

    Example: one weight is of no use, and gone.

    >>> x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> history = model.fit(x, x[:, :1], epochs=20, verbose=0, callbacks=[ProximalPenalty(l1=0.2)])
    >>> history.history["sparsity"][-1]
    0.5

    Reference: Beck & Teboulle, A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse
    Problems, 2009, https://doi.org/10.1137/080716542; for stochastic gradients: Duchi & Singer,
    Efficient Online and Batch Learning Using Forward Backward Splitting, 2009,
    https://www.jmlr.org/papers/v10/duchi09a.html; both penalties: Simon et al., A Sparse-Group
    Lasso, 2013, https://doi.org/10.1080/10618600.2012.681250
    """

    l1 = _Strength()
    group_lasso = _Strength()

    def __init__(
        self,
        l1: float | None = None,
        group_lasso: float | None = None,
        *,
        groups: str = "outputs",
        layers: Sequence[Pattern] | Pattern | None = None,
        exclude: Sequence[Pattern] | Pattern = (),
        debias_from: int | None = None,
    ):
        super().__init__()
        if l1 is None and group_lasso is None:
            raise ValueError("ProximalPenalty: give `l1`, `group_lasso`, or both.")
        if groups not in ("outputs", "inputs"):
            raise ValueError(
                f"ProximalPenalty: `groups` must be 'outputs' or 'inputs'. Received: {groups!r}"
            )
        whole = isinstance(debias_from, int) and not isinstance(debias_from, bool)
        if debias_from is not None and not (whole and debias_from >= 0):
            raise ValueError(
                "ProximalPenalty: `debias_from` must be an epoch, from 0. "
                f"Received: debias_from={debias_from!r}"
            )
        self._step: ProximalStep | None = None
        self._debiasing = False
        self.groups = groups
        self.l1, self.group_lasso = l1, group_lasso
        self.layers = None if layers is None else check_patterns("layers", layers)
        self.exclude = check_patterns("exclude", exclude)
        self.debias_from = debias_from

    @property
    def debiasing(self) -> bool:
        """Whether the support is fixed and the penalty off."""
        return self._debiasing

    def on_train_begin(self, logs=None):
        kernels = select_kernels(self.model, self.layers, self.exclude)
        _refuse_other_penalties(kernels)
        self._debiasing = False
        l1, group_lasso = (vars(self).get(name) for name in ("_l1", "_group_lasso"))
        masked = self.debias_from is not None
        self._step = ProximalStep(self.model, kernels, self.groups, l1, group_lasso, masked=masked)
        self._check_groups()
        install(self.model, self._step)

    def _check_groups(self) -> None:
        if self._step is not None and self.group_lasso:
            self._step.check_groups()

    def on_epoch_begin(self, epoch, logs=None):
        due = self.debias_from is not None and epoch >= self.debias_from
        if due and not self._debiasing and self._step is not None:
            self._step.fix_support()
            self._debiasing = True

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None and self._step is not None:
            logs.update(_sparsity(self._step.kernels))

    def on_train_end(self, logs=None):
        if self._step is not None:
            remove(self.model, self._step)
        self._step = None

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on: the strengths, and the support if it is fixed."""
        masks = [] if self._step is None else self._step.masks
        return {
            "l1": self.l1,
            "group_lasso": self.group_lasso,
            "debiasing": self._debiasing,
            "masks": copies(masks),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`, within `fit`."""
        self.l1, self.group_lasso = state["l1"], state["group_lasso"]
        self._debiasing = state["debiasing"]
        if self._step is not None and self._debiasing:
            self._step.fix_support(state["masks"])

    def __getstate__(self):
        # A copy, as KerasTuner makes of callbacks, belongs to no training.
        own = {name: v for name, v in vars(self).items() if name not in ("_l1", "_group_lasso")}
        return {**own, "_model": None, "_step": None, "_debiasing": False}

    def __setstate__(self, state):
        vars(self).update(state)
        self.l1, self.group_lasso = state["l1"], state["group_lasso"]


def _scalar(name: str) -> keras.Variable:
    return keras.Variable(0.0, dtype="float32", trainable=False, name=name)


def _sparsity(kernels: list[Kernel]) -> dict[str, float]:
    zeros: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for kernel in kernels:
        value = copy_of(kernel.variable)
        zeros[kernel.path] += value.size - int(np.count_nonzero(value))
        sizes[kernel.path] += value.size
    layers = {f"sparsity/{path}": zeros[path] / size for path, size in sizes.items()}
    return {"sparsity": zeros.total() / sizes.total(), **layers}


def _refuse_other_penalties(kernels: list[Kernel]) -> None:
    twice = [k.variable.path for k in kernels if _pulls_to_zero(k.variable.regularizer)]
    if twice:
        raise ValueError(
            "ProximalPenalty: these kernels have an L1 or group lasso regularizer, too, which "
            "would count twice, and by its gradient makes no zeros: take it off, or leave their "
            f"layers out with `exclude`. Received: {', '.join(twice)}"
        )


def _pulls_to_zero(regularizer: Any) -> bool:
    """Whether a term of it grows like |w|."""
    terms = getattr(regularizer, "terms", None)
    if isinstance(terms, list | tuple):
        return any(_pulls_to_zero(term) for term in terms)
    if type(regularizer).__name__ == "GroupLasso":
        return getattr(regularizer, "factor", 1.0) > 0
    strength = getattr(regularizer, "l1", 0.0)
    return regularizer is not None and float(strength) > 0
