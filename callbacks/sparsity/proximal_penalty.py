"""`ProximalPenalty`: L1 and group lasso penalties that make weights exactly zero."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ...core.checks import check_integer, check_one_of
from ...core.live_scalar import LiveScalar
from ..training_hook import install, remove
from ..variables import copies, copy_of
from .kernels import Pattern, PenalizedKernel, check_patterns, select_kernels
from .proximal_step import ProximalStep


def _check_groups(penalty: "ProximalPenalty") -> None:
    if penalty._step and penalty.group_lasso:
        penalty._step.check_groups()


class ProximalPenalty(keras.callbacks.Callback):
    """Make weights sparse by soft-thresholding after each update of the optimizer.

        w <- prox(optimizer's update of w, threshold = learning rate * strength)

    minimizes  loss + l1 * sum |w| + group_lasso * sum over units u of sqrt(n) * |w_u|_2,  where
    `w_u` are the n weights into unit u. The penalty is not in the loss: a gradient step on |w|
    jumps over zero and leaves no weight there; the proximal step leaves exact zeros. With both
    strengths, single weights are thresholded first, and then units (sparse group lasso).

    The step is part of the graph and follows each real update, with its learning rate, also with
    `steps_per_execution > 1`, gradient accumulation and loss scaling. A constraint on a variable is
    applied after it. `l1` and `group_lasso` can be assigned at any time, even inside `fit`, without
    a retrace, unless they are `None`.

    With SGD this is proximal gradient descent (ISTA), whose fixed point is the minimum of the
    penalized loss. With an optimizer that scales its steps per weight, such as Adam, the threshold
    still is the plain learning rate times the strength, as in decoupled weight decay. A weight then
    becomes zero if the mean of its gradients, over their root mean square, stays below the
    strength, so that strengths have no unit and differ from those for SGD. Steps that are signs
    (Lion, or RMSprop without noise) jump over zero at any strength.

    With `debias_from`, the support is fixed from that epoch on: zeros stay zero, and the other
    weights are trained without the penalty, which removes the bias of shrinkage.

    Each epoch logs `sparsity`, the fraction of exact zeros among the selected weights, and
    `sparsity/<layer path>`. An average of sparse weights is hardly sparse: start `WeightAverage`
    where debiasing starts, and place it after this callback.

    Args:
        l1: The strength on single weights, a number >= 0.
        group_lasso: The strength on whole units, a number >= 0.
        groups: "outputs" groups the incoming weights of a unit, so that `exports.shrink` can remove
            dead units; "inputs" groups the outgoing weights of an input.
        layers: Patterns (names, paths with a slash, or classes) of the layers whose kernels are
            penalized; by default all trainable kernels. Biases and normalization never are.
        exclude: Patterns of layers to leave out, such as the head.
        debias_from: The epoch, from 0, in which debiasing starts.

    Raises:
        ValueError: If an argument is out of range, no strength or kernel is selected, a kernel also
            has an L1 or group lasso regularizer, or `group_lasso` applies to a recurrent layer.

    Example: one weight is useless and becomes zero.

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

    # The variables are part of the step's state, so that JAX reads them, too.
    l1 = LiveScalar(optional=True, on_change=_check_groups)
    group_lasso = LiveScalar(optional=True, on_change=_check_groups)

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
            raise ValueError("`l1` or `group_lasso` must be given. Received: None for both")
        check_one_of("groups", groups, ("outputs", "inputs"))
        check_integer("debias_from", debias_from, minimum=0, optional=True)
        self._step: ProximalStep | None = None
        self._debiasing = False
        self.groups = groups
        self.l1, self.group_lasso = l1, group_lasso
        self.layers = None if layers is None else check_patterns("layers", layers)
        self.exclude = check_patterns("exclude", exclude)
        self.debias_from = debias_from

    @property
    def debiasing(self) -> bool:
        """Whether the support is fixed and the penalty is off."""
        return self._debiasing

    def on_train_begin(self, logs=None):
        kernels = select_kernels(self.model, self.layers, self.exclude)
        if twice := [k.variable.path for k in kernels if _pulls_to_zero(k.variable.regularizer)]:
            raise ValueError(
                "The kernels of a ProximalPenalty must not have an L1 or group lasso regularizer, "
                "which would count twice. Remove it, or leave the layers out with `exclude`. "
                f"Received: {', '.join(twice)}"
            )
        self._debiasing = False
        l1, group_lasso = (getattr(self, name, None) for name in ("_l1", "_group_lasso"))
        masked = self.debias_from is not None
        self._step = ProximalStep(self.model, kernels, self.groups, l1, group_lasso, masked=masked)
        _check_groups(self)
        install(self.model, self._step)

    def on_epoch_begin(self, epoch, logs=None):
        due = self.debias_from is not None and epoch >= self.debias_from
        if due and not self._debiasing and self._step:
            self._step.fix_support()
            self._debiasing = True

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None and self._step:
            logs.update(_sparsity(self._step.kernels))

    def on_train_end(self, logs=None):
        if self._step:
            remove(self.model, self._step)
        self._step = None

    def get_state(self) -> dict[str, Any]:
        return {
            "l1": self.l1,
            "group_lasso": self.group_lasso,
            "debiasing": self._debiasing,
            "masks": copies(self._step.masks if self._step else []),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.l1, self.group_lasso = state["l1"], state["group_lasso"]
        self._debiasing = state["debiasing"]
        if self._step and self._debiasing:
            self._step.fix_support(state["masks"])

    def __getstate__(self):
        # A copy, as KerasTuner makes of callbacks, belongs to no training.
        own = {name: v for name, v in vars(self).items() if name not in ("_l1", "_group_lasso")}
        return {**own, "_model": None, "_step": None, "_debiasing": False}

    def __setstate__(self, state):
        strengths = {name: state.pop(name) for name in ("l1", "group_lasso")}
        vars(self).update(state)
        for name, value in strengths.items():
            setattr(self, name, value)


def _sparsity(kernels: list[PenalizedKernel]) -> dict[str, float]:
    zeros, sizes = Counter[str](), Counter[str]()
    for kernel in kernels:
        value = copy_of(kernel.variable)
        zeros[kernel.layer.path] += value.size - int(np.count_nonzero(value))
        sizes[kernel.layer.path] += value.size
    layers = {f"sparsity/{path}": zeros[path] / size for path, size in sizes.items()}
    return {"sparsity": zeros.total() / sizes.total(), **layers}


def _pulls_to_zero(regularizer: Any) -> bool:
    """Return whether a term of a regularizer grows like |w|."""
    terms = getattr(regularizer, "terms", None)
    if isinstance(terms, list | tuple):
        return any(_pulls_to_zero(term) for term in terms)
    if type(regularizer).__name__ == "GroupLasso":
        return getattr(regularizer, "factor", 1.0) > 0
    return float(getattr(regularizer, "l1", 0.0)) > 0
