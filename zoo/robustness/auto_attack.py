"""`auto_attack`: the ensemble of attacks by which robustness is reported; signs of masking."""

import warnings
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from scipy.stats import binomtest

from ...core.checks import check_integer, check_number
from ..training import Run
from .apgd import apgd
from .attack import AttackResult
from .ball import Ball
from .classifier import Classifier
from .fab import fab
from .gradient_attacks import fgsm, pgd
from .square import square

_LEVEL = 0.05  # of the sign test between two attacks
_BY_SQUARE = 0.002  # the fall in accuracy that the reference implementation warns of
_NO_GRADIENT = "The gradient of the loss is exactly 0 at {} of {} samples"


def auto_attack(
    model: keras.Model | Run | Classifier,
    x: Any,
    y: Any,
    epsilon: float,
    norm: str = "linf",
    *,
    steps: int = 100,
    queries: int = 5000,
    bounds: Any = None,
    seed: int = 0,
) -> AttackResult:
    """Attack a classifier by the standard AutoAttack, each attack on the samples still right.

        APGD-CE, then targeted APGD-DLR, then targeted FAB, then Square

    The targeted attacks try the 9 most likely other classes, or all of them if there are fewer.
    The defaults are those of the standard version. The attacks differ from the reference
    implementation in details: the schedule of Square is scaled to its number of queries, and its
    l2 windows may have even sides; APGD starts uniformly in the ball; FAB ends with a bisection.

    With fewer than 4 classes, the targeted loss is not defined. The reference implementation warns
    and then fails. Here it warns, and three classes get the untargeted APGD-DLR instead; with two,
    the attack is left out: their cross-entropy is a function of the difference of the logits
    alone, which has no other direction to offer.

    Args:
        steps: The number of steps of APGD and FAB, for each class that is tried.
        queries: The number of queries of Square.
        seed: The seed of all random numbers.
        model, x, y, epsilon, norm, bounds: As in `fgsm`.

    Returns:
        An `AttackResult` with the accuracy after each attack. Samples that withstand all of them
        are returned unchanged.

    Raises:
        TypeError, ValueError, RuntimeError: As in `fgsm`.

    Warns:
        UserWarning: If a loss is not defined; if Square fools samples that the attacks by gradients
            do not, more than 0.2% of all, which is a sign of masked gradients.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[0.0, 2.0, 1.0, -1.0]])])
    >>> found = auto_attack(model, [[0.5], [2.0]], [1, 1], epsilon=1.0, steps=10, queries=10)
    >>> print(found)
    linf, epsilon 1  accuracy
    clean               1.000
    apgd-ce             0.500
    apgd-t              0.500
    fab-t               0.500
    square              0.500

    Reference: Croce & Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of
    Diverse Parameter-free Attacks, 2020, https://arxiv.org/abs/2003.01690
    """
    check_number("epsilon", epsilon, "(0, inf)")
    for name, value in (("steps", steps), ("queries", queries)):
        check_integer(name, value, minimum=1)
    classifier = Classifier.of(model)
    shared: dict[str, Any] = {"norm": norm, "bounds": bounds, "seed": seed}
    dlr, notes = "dlr-targeted", []
    if classifier.classes < 4:
        dlr = "dlr" if classifier.classes == 3 else None
        instead = "APGD-DLR is used instead" if dlr else "it is left out"
        notes.append(
            f"The targeted DLR loss needs 4 classes, but the model has {classifier.classes}: "
            f"{instead}."
        )

    def attack(name: str, x: np.ndarray, y: np.ndarray) -> AttackResult:
        if name == "fab-t":
            return fab(classifier, x, y, epsilon, targeted=True, steps=steps, **shared)
        if name == "square":
            return square(classifier, x, y, epsilon, queries=queries, **shared)
        loss = "ce" if name == "apgd-ce" else dlr
        return apgd(classifier, x, y, epsilon, loss=loss, steps=steps, **shared)

    names = ["apgd-ce", {"dlr-targeted": "apgd-t", "dlr": "apgd-dlr"}.get(dlr), "fab-t", "square"]
    x, y = classifier.check(x, y)
    ball = Ball.around(x, epsilon, norm, bounds)
    fooled, found = ~classifier.is_right(x, y), x.copy()
    accuracies = {"clean": float(1 - fooled.mean())}
    for name in filter(None, names):
        if not fooled.all():
            rows = np.flatnonzero(~fooled)
            result = attack(name, x[rows], y[rows])
            hit = rows[result.fooled]
            found[hit], fooled[hit] = result.x[result.fooled], True
        accuracies[name] = float(1 - fooled.mean())
    if (fall := accuracies["fab-t"] - accuracies["square"]) > _BY_SQUARE:
        notes.append(
            f"Square, which uses no gradients, lowers the accuracy by another {fall:.1%}: the "
            "gradients may be masked. Try more steps, or an attack that is made for the model."
        )
    for note in notes:
        warnings.warn(note, stacklevel=2)
    distances = ball.length(found.astype("float64") - x)
    return AttackResult(found, fooled, distances, accuracies, float(epsilon), norm, tuple(notes))


def gradient_masking(
    model: keras.Model | Run | Classifier,
    x: Any,
    y: Any,
    epsilon: float,
    norm: str = "linf",
    *,
    steps: int = 40,
    queries: int = 1000,
    bounds: Any = None,
    seed: int = 0,
) -> AttackResult:
    """Compare attacks that should be ordered, and warn of gradients that hide adversarial inputs.

    A model can seem robust because its gradients vanish or are noise. Signs of it:

    - FGSM, a single step, fools samples that PGD does not.
    - Square, which uses no gradients, fools samples that PGD does not.
    - The gradient of the loss is exactly 0 at some samples.

    Attacks are compared on the samples that one of them fools and the other does not. If they were
    equally strong, either would be as likely to be that one. It is a sign if the weaker one is so
    more often, at the level 5% of the one-sided sign test (McNemar's, exact).

    Args:
        steps: The number of steps of PGD.
        queries: The number of queries of Square.
        model, x, y, epsilon, norm, bounds, seed: As in `auto_attack`.

    Returns:
        The result of PGD, with the accuracies under each attack by itself, and the signs in
        `notes`, which are also given as warnings.

    Raises:
        TypeError, ValueError, RuntimeError: As in `fgsm`.

    Warns:
        UserWarning: Of each sign.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[0.0, 2.0]])])
    >>> gradient_masking(model, [[0.5], [2.0]], [1, 1], epsilon=1.0, queries=10).accuracies
    {'clean': 1.0, 'fgsm': 0.5, 'pgd': 0.5, 'square': 0.5}

    Reference: Athalye, Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, 2018,
    https://arxiv.org/abs/1802.00420; Carlini et al., On Evaluating Adversarial Robustness, 2019,
    https://arxiv.org/abs/1902.06705
    """
    classifier = Classifier.of(model)
    shared: dict[str, Any] = {"norm": norm, "bounds": bounds, "seed": seed}
    results = {
        "fgsm": fgsm(classifier, x, y, epsilon, **shared),
        "pgd": pgd(classifier, x, y, epsilon, steps=steps, **shared),
        "square": square(classifier, x, y, epsilon, queries=queries, **shared),
    }
    notes = []
    strong = results["pgd"]
    for name, why in (("fgsm", "takes a single step"), ("square", "uses no gradients")):
        alone = int((results[name].fooled & ~strong.fooled).sum())
        other = int((strong.fooled & ~results[name].fooled).sum())
        if alone and binomtest(alone, alone + other, alternative="greater").pvalue < _LEVEL:
            notes.append(
                f"{name.upper()}, which {why}, fools {alone} samples that PGD does not, and PGD "
                f"{other} that {name.upper()} does not: the gradients may be masked."
            )
    x, y = classifier.check(x, y)
    gradient = classifier.gradient("ce", x, y)[2].reshape(len(x), -1)
    if zeros := int((gradient == 0).all(axis=1).sum()):
        notes.append(_NO_GRADIENT.format(zeros, len(x)) + ": attacks by gradients stay there.")
    for note in notes:
        warnings.warn(note, stacklevel=2)
    accuracies = {"clean": strong.accuracies["clean"]}
    accuracies |= {name: result.accuracy for name, result in results.items()}
    return replace(strong, accuracies=accuracies, notes=tuple(notes))
