"""`Finding`: one thing that is wrong with a model."""

import dataclasses

__all__ = ["Finding"]


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """What `zoo.lint` returns a list of.

    Args:
        code: the rule's, such as `"OCC101"`; the first digit is the rule's subject.
        path: names of the layers from the outermost to the one concerned, `"backbone/conv1"`, or
            the model's name where the finding concerns all of it.
        why: what goes wrong, in one line.
        mend: what to do about it, in one line.

    Example:

    >>> print(Finding("OCC404", "dropout", "it drops 90%.", "Lower the rate."))
    OCC404 dropout: it drops 90%. Lower the rate.
    """

    code: str
    path: str
    why: str
    mend: str

    def __str__(self) -> str:
        return f"{self.code} {self.path}: {self.why} {self.mend}"

    def to_dict(self) -> dict[str, str]:
        """The fields as JSON values."""
        return dataclasses.asdict(self)
