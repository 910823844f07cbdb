"""`compare`: find runs, check that they can be compared, and compare their groups."""

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...core.checks import check_number, check_one_of, check_type, message
from ...core.text_table import counted
from ..tasks import Task
from ..training import Run
from ..training.run import RunDirectory
from .comparison import Comparison, Contrast
from .groups import Group, assignments, group_runs, place
from .paired import holm, paired_difference

_EXPECTED = "zoo.Runs, or directories of runs"
# Arguments of `load_data` that say what is predicted, and by which samples it is judged.
_SAME = ("source", "target", "weight", "split", "test", "test_steps")
# Those that do not change the samples of the parts.
_NOT_SAMPLES = ("batch_size", "class_weight", "standardize", "data_dir", "download", "digest")


def compare(
    runs: Any,
    *,
    score: str | None = None,
    part: str = "test",
    baseline: str | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare runs of several configurations and seeds.

    Runs that differ in nothing but seeds are a group. Each group is compared with the baseline
    group, and with the groups that it adds something to ("dropout=0.1 on top of l2=0.001"), by the
    differences of runs with the same seeds, their Student interval, and p-values with Holm's
    correction for all comparisons; see `zoo.comparison.paired_difference` and
    `zoo.comparison.holm`. The spread is that over the seeds on the same samples: the intervals say
    what another seed would give, not what other test samples would.

    Args:
        runs: A list of `zoo.Run`s and directories. A directory of several runs, at any depth,
            stands for all finished runs in it; unfinished ones are listed in `left_out`.
        score: The score that the verdicts are about, one of the task's or `data_loss`. By default
            the first score of the task, such as accuracy or R2.
        part: The part of the data that the scores are of, "test" or "validation".
        baseline: The name of the group to compare with. By default the first group without
            regularization, or else the first group.
        confidence: The coverage of the intervals, in (0, 1). Verdicts have the error rate
            `1 - confidence` for all comparisons together.

    Returns:
        A `Comparison`. Print it.

    Raises:
        TypeError: If an argument has the wrong type.
        FileNotFoundError: If a directory does not exist or has no finished run.
        ValueError: If the runs are of different data or tasks, two runs have the same configuration
            and seeds, or an argument is out of range.

    Example:

    >>> import tempfile
    >>> from occam import zoo
    >>> data, directory = zoo.load_data("breast_cancer"), tempfile.mkdtemp()
    >>> for l2 in (0.0, 0.1):
    ...     regularization = zoo.Regularization(l2=l2)
    ...     model = zoo.create_model("mlp", data=data, regularization=regularization, seed=0)
    ...     log_dir = f"{directory}/{l2}"
    ...     run = zoo.train(model, data, epochs=2, log_dir=log_dir, seed=0, verbose=0)
    >>> zoo.compare(directory).table()[["l2", "runs"]]
             l2  runs
    group
    none    0.0     1
    l2=0.1  0.1     1

    Reference: Student, The probable error of a mean, Biometrika 6, 1908; Holm, A simple
    sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
    """
    check_one_of("part", part, ("test", "validation"))
    check_number("confidence", confidence, "(0, 1)")
    found, left_out = _collect(runs)
    _check_data(found, part)
    groups = group_runs(found, part)
    scores = [n for n in groups[0].figures if all(n in group.figures for group in groups)]
    scores = scores[: scores.index("data_loss") + 1]  # after it follow the gap and the time
    task = found[0].task
    if score is None:
        score = next((name for name in task.scores_up if name in scores), "data_loss")
    check_one_of("score", score, scores)
    names = [group.name for group in groups]
    if baseline is None:
        baseline = next((group.name for group in groups if not group.regularized), names[0])
    check_one_of("baseline", baseline, names)
    groups.sort(key=lambda group: group.name != baseline)  # the baseline first
    contrasts = _corrected(_contrasts(groups, confidence), score)
    return Comparison(
        data=found[0].config["data"]["name"],
        task=task.kind,
        part=part,
        score=score,
        confidence=confidence,
        groups=tuple(groups),
        contrasts=tuple(contrasts),
        left_out=tuple(left_out),
        notes=tuple(_notes(found, groups, contrasts)),
    )


def _collect(runs: Any) -> tuple[list[Run], list[Path]]:
    """Return the finished runs among `runs`, each once, and the directories of unfinished ones."""
    if isinstance(runs, Run | str | os.PathLike):
        runs = [runs]
    check_type("runs", runs, Sequence, f"a list of {_EXPECTED}")
    if not runs:
        raise ValueError(message("runs", runs, f"a list of {_EXPECTED}"))
    found: list[Run] = []
    left_out: list[Path] = []
    known: set[Path] = set()
    for each in runs:
        check_type("runs", each, (Run, str, os.PathLike), _EXPECTED)
        if isinstance(each, Run):
            directories = [] if each.directory is None else [each.directory]
            if known.isdisjoint(path.resolve() for path in directories):
                found.append(each)
            known.update(path.resolve() for path in directories)
            continue
        directories = list(_run_directories(Path(each)))
        finished = [path for path in directories if RunDirectory(path).finished]
        if not finished:
            why = f"{len(directories)} unfinished" if directories else "no run"
            if not Path(each).is_dir():
                why = "no such directory"
            expected = f"{_EXPECTED}, with a finished run in each"
            raise FileNotFoundError(f"{message('runs', str(each), expected)}, {why}")
        for path in directories:
            if path.resolve() not in known:
                known.add(path.resolve())
                if path in finished:
                    found.append(Run.load(path))
                else:
                    left_out.append(path)
    return found, left_out


def _run_directories(path: Path) -> Iterator[Path]:
    """Yield the directories of runs at or below a directory, without those inside of a job.

    Inside of a run are its reruns and folds, and inside of a search or a race their trainings.
    """
    files = RunDirectory(path)
    if files.config.is_file():
        try:
            job = files.read_json(files.config).get("job")
        except (ValueError, AttributeError):
            job = None
        if job == "training":
            yield path
        return
    if path.is_dir():
        for child in sorted(path.iterdir()):
            if child.is_dir():
                yield from _run_directories(child)


def _check_data(runs: Sequence[Run], part: str) -> None:
    """Raise a `ValueError` unless the runs are of one task and judged by the same samples."""
    for run in runs:
        if part not in run.result:
            having = [name for name in ("validation", "test") if name in run.result]
            expected = "a part of the data that all runs have"
            raise ValueError(
                f"{message('part', part, expected)}; {place(run)} has {', '.join(having)}"
            )
    seen: dict[str, tuple[Run, Any]] = {}
    for run in runs:
        for what, ours in _identity(run, part).items():
            theirs = _identity(runs[0], part)[what]
            if ours != theirs:
                raise ValueError(
                    "`runs` must be of the same data and task. Received: "
                    f"{what} {theirs!r} in {place(runs[0])}, {ours!r} in {place(run)}. Pass the "
                    "directories of the runs on one data set"
                )
        # The same arguments give the same samples, unless the file or the arrays have changed.
        data = run.config["data"]
        arguments = {n: v for n, v in data["arguments"].items() if n not in _NOT_SAMPLES}
        samples = data["arguments"].get("digest"), data["sizes"], Task.from_dict(data["task"])
        first, theirs = seen.setdefault(json.dumps(arguments, sort_keys=True), (run, samples))
        if theirs != samples:
            raise ValueError(
                f"`runs` must be of the same data and task. Received: data {data['name']!r}, "
                f"which changed between {place(first)} and {place(run)}"
            )


def _identity(run: Run, part: str) -> dict[str, Any]:
    """Return what has to be the same of the data of all runs, by its name in messages."""
    data = run.config["data"]
    arguments = data["arguments"]
    identity = {
        "data": data["name"],
        "the origin": data["origin"].partition(" in ")[0],  # without the path on a machine
        "the task": data["task"]["kind"],
        "the names": tuple(data["task"].get("names", ())),
        **{f"`{name}`": arguments.get(name) for name in _SAME},
        f"the size of the {part} part": data["sizes"].get(part),
    }
    if part == "validation":
        identity["validation by"] = run.result.get("validation_by", "part")
    return identity


def _contrasts(groups: Sequence[Group], confidence: float) -> list[Contrast]:
    """Return the comparisons of each group with the baseline and with the groups it builds on."""
    baseline, *others = groups
    changes = {group.name: _changes(baseline, group) for group in others}
    contrasts = []
    for group in others:
        ours = changes[group.name]
        below = [
            g for g in others if len(changes[g.name]) < len(ours) and _within(changes[g.name], ours)
        ]
        # Of those, the ones that no other one builds on.
        parents = [
            g
            for g in below
            if not any(g is not h and _within(changes[g.name], changes[h.name]) for h in below)
        ]
        contrasts.append(_contrast(group, baseline, group.name, confidence))
        for parent in parents:
            added = {n: v for n, v in ours.items() if n not in changes[parent.name]}
            name = f"{assignments(added)} on top of {parent.name}"
            contrasts.append(_contrast(group, parent, name, confidence))
    return contrasts


def _changes(baseline: Group, group: Group) -> dict[str, Any]:
    """Return the settings of a group that the baseline does not have."""
    theirs = baseline.settings
    return {n: v for n, v in group.settings.items() if n not in theirs or v != theirs[n]}


def _within(changes: dict[str, Any], others: dict[str, Any]) -> bool:
    return all(name in others and others[name] == value for name, value in changes.items())


def _contrast(group: Group, against: Group, name: str, confidence: float) -> Contrast:
    """Return the differences of two groups over the seeds that both have."""
    seeds = tuple(seed for seed in group.runs if seed in against.runs)
    differences = {
        quantity: paired_difference(
            group.of(quantity, seeds), against.of(quantity, seeds), confidence=confidence
        )
        for quantity in group.figures
        if quantity in against.figures
    }
    return Contrast(name, group.name, against.name, seeds, differences)


def _corrected(contrasts: Sequence[Contrast], score: str) -> list[Contrast]:
    """Return the comparisons with the p-values of the score corrected for all of them."""
    tested = [each for each in contrasts if each.differences[score].p is not None]
    corrected = holm([each.differences[score].p for each in tested])
    by_name = {each.name: p for each, p in zip(tested, corrected, strict=True)}
    return [dataclasses.replace(each, p_holm=by_name.get(each.name)) for each in contrasts]


def _notes(
    runs: Sequence[Run], groups: Sequence[Group], contrasts: Sequence[Contrast]
) -> Iterator[str]:
    """Yield what a reader of the figures should know."""
    for package in dict.fromkeys(name for run in runs for name in run.config["versions"]):
        versions = Counter(run.config["versions"].get(package, "unknown") for run in runs)
        if len(versions) > 1:
            of = ", ".join(f"{v} in {counted(n, 'run')}" for v, n in sorted(versions.items()))
            yield f"The runs have several versions of {package}: {of}."
    seeds = {group.name: set(group.runs) for group in groups}
    for each in contrasts:
        if seeds[each.group] != seeds[each.against]:
            pairs = ", ".join(map(str, each.seeds)) or "none"
            yield (
                f"{each.group} and {each.against} have different seeds. Only pairs count for their "
                f"differences; seeds in common: {pairs}."
            )
