"""`SharedJobs`: who does what in a search of several machines, and what came out."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy
from sqlalchemy.exc import DBAPIError, IntegrityError

_POLL_SECONDS = 0.5
_BEATS = 4  # in the time after which an owner counts as dead

_jobs = sqlalchemy.Table(
    "occam_jobs",
    sqlalchemy.MetaData(),
    sqlalchemy.Column("search", sqlalchemy.String(64), primary_key=True),
    sqlalchemy.Column("job", sqlalchemy.String(64), primary_key=True),
    sqlalchemy.Column("owner", sqlalchemy.String(64), nullable=False),
    sqlalchemy.Column("beats", sqlalchemy.Integer, nullable=False),
    sqlalchemy.Column("result", sqlalchemy.Text),
)


class SharedJobs:
    """The jobs of a search in a database, each done by one of several machines.

    A machine claims a job, does it, and finishes it with a result, which all machines read. A
    thread counts up the beats of its claimed jobs. If another machine has seen no beat of a job for
    `grace` seconds, by its own clock, it may claim the job in turn.

    Args:
        storage: The address of a database.
        search: The name of the search, at most 64 characters.
        owner: The name of the machine, which is the same when it resumes the search.
        grace: The seconds without a beat after which an owner counts as dead.

    Example:

    >>> import tempfile
    >>> storage = f"sqlite:///{tempfile.mkdtemp()}/search.db"
    >>> one, two = (SharedJobs(storage, "search", owner) for owner in ("one", "two"))
    >>> with one, two:
    ...     print(one.claim("run 0"), two.claim("run 0"), two.claim("run 1"))
    ...     one.finish("run 0", {"loss": 0.5})
    ...     print(two.results(["run 0", "run 1"]))
    True False True
    {'run 0': {'loss': 0.5}}
    """

    def __init__(self, storage: str, search: str, owner: str, grace: float = 60.0):
        options: dict[str, Any] = {"pool_pre_ping": True}
        if sqlalchemy.make_url(storage).get_backend_name() == "sqlite":
            options["connect_args"] = {"timeout": 60}  # while others write
        self._engine = sqlalchemy.create_engine(storage, **options)
        self._search, self._owner, self._grace = search, owner, grace
        self._seen: dict[str, tuple[int, float]] = {}  # beats of others, and since when
        self._closed = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "SharedJobs":
        try:
            _jobs.create(self._engine, checkfirst=True)
        except DBAPIError:  # another machine creates it now
            _jobs.create(self._engine, checkfirst=True)
        self._heart.start()
        return self

    def __exit__(self, *error: Any) -> None:
        """Give back the jobs that are claimed and not finished."""
        self._closed.set()
        self._heart.join()
        mine = (_jobs.c.search == self._search) & (_jobs.c.owner == self._owner)
        with self._engine.begin() as connection:
            connection.execute(_jobs.delete().where(mine & _jobs.c.result.is_(None)))
        self._engine.dispose()

    def claim(self, job: str) -> bool:
        """Return whether this machine shall do a job: if it is free, or its owner is dead."""
        this = (_jobs.c.search == self._search) & (_jobs.c.job == job)
        with self._engine.begin() as connection:
            row = connection.execute(_jobs.select().where(this)).first()
        if row is None:
            new = {"search": self._search, "job": job, "owner": self._owner, "beats": 0}
            try:
                with self._engine.begin() as connection:
                    connection.execute(_jobs.insert().values(**new))
            except IntegrityError:  # another machine was faster
                return False
            return True
        if row.result is not None:
            return False
        if row.owner == self._owner:  # before it was killed
            return True
        beats, since = self._seen.get(job, (None, 0.0))
        if beats != row.beats:
            self._seen[job] = row.beats, time.monotonic()
            return False
        if time.monotonic() - since < self._grace:
            return False
        unchanged = this & (_jobs.c.owner == row.owner) & (_jobs.c.beats == row.beats)
        taken = _jobs.update().where(unchanged & _jobs.c.result.is_(None))
        with self._engine.begin() as connection:
            taken = connection.execute(taken.values(owner=self._owner, beats=row.beats + 1))
        return taken.rowcount == 1

    def finish(self, job: str, result: Any) -> None:
        """Record the result of a job, as JSON values, unless it has one."""
        this = (_jobs.c.search == self._search) & (_jobs.c.job == job)
        text = json.dumps(result, default=float)
        with self._engine.begin() as connection:
            unfinished = _jobs.update().where(this & _jobs.c.result.is_(None))
            connection.execute(unfinished.values(result=text))

    def results(self, jobs: Iterable[str]) -> dict[str, Any]:
        """Return the results of those jobs that are finished."""
        these = (_jobs.c.search == self._search) & _jobs.c.job.in_(list(jobs))
        finished = sqlalchemy.select(_jobs.c.job, _jobs.c.result)
        with self._engine.begin() as connection:
            rows = connection.execute(finished.where(these & _jobs.c.result.is_not(None))).all()
        return {row.job: json.loads(row.result) for row in rows}

    def once(self, job: str, work: Callable[[], Any]) -> Any:
        """Return the result of a job, which one machine does while the others wait."""
        while not (found := self.results([job])):
            if self.claim(job):
                self.finish(job, work())
            else:
                self.wait()
        return found[job]

    def wait(self) -> None:
        """Wait a moment for the results of other machines."""
        time.sleep(_POLL_SECONDS)

    def delete(self) -> None:
        """Delete all jobs of the search."""
        with self._engine.begin() as connection:
            connection.execute(_jobs.delete().where(_jobs.c.search == self._search))

    def _beat(self) -> None:
        mine = (_jobs.c.search == self._search) & (_jobs.c.owner == self._owner)
        beat = _jobs.update().where(mine & _jobs.c.result.is_(None))
        while not self._closed.wait(self._grace / _BEATS):
            try:
                with self._engine.begin() as connection:
                    connection.execute(beat.values(beats=_jobs.c.beats + 1))
            except DBAPIError:  # what the search itself does next will tell if it lasts
                continue
