"""`Budget`: how long a training is, in steps that do not depend on the size of the data."""

from dataclasses import asdict, dataclass, replace
from typing import Literal

from ...core.checks import check_integer, message
from ...core.text_table import counted
from ..data import Data

MIN_STEPS = 1000  # cosine decay with warm-up needs them, whatever the size of the data
MIN_PASSES = 100
EPOCH_STEPS = 30  # an epoch has at least so many, unless `epochs` is given
PATIENCE = 30
MIN_VALIDATION = 40  # samples; of 90% right, the standard error is 5%


@dataclass(frozen=True)
class Budget:
    """The length of a training, as it is recorded in the configuration of a run.

    An epoch is the time between two validations. It is one pass over the training part, or several
    if the part is small: in an epoch of three steps, neither the weights nor the moving averages
    of BatchNorm move far enough for a validation to mean something.

    Args:
        epochs: The maximum number of epochs.
        passes: The number of passes over the training part in an epoch.
        steps: The maximum number of steps.
        patience: The number of epochs without a smaller validation data loss before stopping, or
            `None` to never stop early and keep the last weights.

    Example: small data is passed several times before each validation.

    >>> from occam import zoo
    >>> data = zoo.load_data("breast_cancer")
    >>> data.steps_per_epoch
    5
    >>> print(Budget.of(data))
    34 epochs of 6 passes (30 steps), patience 30
    """

    epochs: int
    passes: int
    steps: int
    patience: int | None

    @classmethod
    def of(
        cls,
        data: Data,
        *,
        epochs: int | None = None,
        steps: int | None = None,
        patience: int | Literal["auto"] | None = "auto",
    ) -> "Budget":
        """Return the budget of a training on `data`.

        Args:
            data: The data.
            epochs: A number of epochs of one pass each.
            steps: A number of steps, rounded up to whole epochs. If neither is given, it is that
                of 100 passes, but at least 1,000.
            patience: As the field; "auto" is 30 epochs, or `None` if the validation part has fewer
                than 40 samples, which cannot tell one epoch from the next, or if there is none.

        Raises:
            ValueError: If both `epochs` and `steps` are given, a number is not an integer >= 1, or
                there is a patience without a validation part.
        """
        check_integer("epochs", epochs, minimum=1, optional=True)
        check_integer("steps", steps, minimum=1, optional=True)
        if patience == "auto":
            patience = PATIENCE if data.sizes.get("validation", 0) >= MIN_VALIDATION else None
        if isinstance(patience, str):
            raise ValueError(message("patience", patience, "'auto', an integer >= 1, or None"))
        check_integer("patience", patience, minimum=1, optional=True)
        if patience is not None and "validation" not in data.sizes:
            expected = "'auto' or None for data without a validation part, which chooses by folds"
            raise ValueError(message("patience", patience, expected))
        batches = data.steps_per_epoch
        if epochs is not None:
            if steps is not None:
                raise ValueError(
                    f"Pass `epochs` or `steps`, not both. Received: epochs={epochs}, steps={steps}"
                )
            return cls(int(epochs), 1, int(epochs) * batches, patience)
        if steps is None:
            steps = max(MIN_PASSES * batches, MIN_STEPS)
        passes = min(-(-EPOCH_STEPS // batches), -(-steps // batches))
        epochs = -(-steps // (passes * batches))
        return cls(epochs, passes, epochs * passes * batches, patience)

    @property
    def epoch_steps(self) -> int:
        """The number of steps in an epoch."""
        return self.steps // self.epochs

    def longer(self, factor: int) -> "Budget":
        """Return the budget of so many times as many epochs."""
        return replace(self, epochs=factor * self.epochs, steps=factor * self.steps)

    def __str__(self):
        epochs, passes = counted(self.epochs, "epoch"), counted(self.passes, "pass")
        stop = f"patience {self.patience}" if self.patience else "without early stopping"
        return f"{epochs} of {passes} ({counted(self.epoch_steps, 'step')}), {stop}"

    def to_dict(self) -> dict[str, int | None]:
        """Return the fields, as JSON values."""
        return asdict(self)
