"""A plan carried out by DuckDB, in a worker thread.

Each query has a database of its own in memory, with bounds on memory, on what may be spilled to disk, and with no way
to files: whatever a query says, there is nothing else to be read than its own events.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from cloudarium.kernel.errors import AwsError
from cloudarium.services.logs.insights.anomalies import TABLE, Line, Number, anomalies, counted
from cloudarium.services.logs.insights.compile import Plan
from cloudarium.services.logs.insights.compile.plan import Anomalies, Clusters, Documents
from cloudarium.services.logs.insights.lookups import load
from cloudarium.services.logs.insights.markup import read, taken
from cloudarium.services.logs.insights.patterns import clusters
from cloudarium.services.logs.insights.source import Events, Group, Stopped, entities, streams

if TYPE_CHECKING:
    import duckdb

MEMORY = "1GB"
SPILL = "8GB"
THREADS = 4
LARGEST = 256 << 20
"""Characters of all results of a query."""
_FETCH = 500
_DOCUMENTS = 50
_SETTINGS = (
    "TimeZone = 'UTC'",
    # How many events there are is not known before they are read. A join takes them one after the other, in the order
    # in which it is written: left to itself, DuckDB thinks that they are few and keeps all of them in memory.
    "disabled_optimizers = 'join_order,build_side_probe_side'",
    "enable_external_access = false",
    "lock_configuration = true",
)


class Reading(NamedTuple):
    """What a query, or one within it, reads: groups, events, and those that ``diff`` compares with."""

    groups: Sequence[Group]
    now: Events
    earlier: Events | None = None


class Outcome(NamedTuple):
    """What a query found: rows as in ``Plan.columns`` (then group, time and sequence number), and what it looked at."""

    rows: list[tuple[Any, ...]]
    matched: int
    scanned: int
    bytes: int


def engine() -> Any:
    """DuckDB; raises an error that says how to get it."""
    try:
        import duckdb
    except ImportError as error:
        raise AwsError(
            "ServiceUnavailableException",
            "CloudWatch Logs Insights needs the package duckdb: pip install 'cloudarium[insights]'",
            503,
        ) from error
    return duckdb


class Execution:
    """One query's run. ``stop`` may be called from any thread."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def stopped(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Make ``run`` raise ``Stopped`` soon."""
        self._stopped.set()
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()

    def run(
        self,
        plan: Plan,
        readings: Mapping[str, Reading],
        catalog: Path,
        folder: Path,
        tables: Mapping[str, TextIO] | None = None,
    ) -> Outcome:
        """Carry out a plan. ``readings`` are by prefix: that of the query itself is empty, the others are those of the
        plan's inputs. ``folder`` is for spilling; ``tables`` are the bodies of lookup tables by name.

        Raises ``Stopped``, or DuckDB's ``Error``.
        """
        duckdb = engine()
        connection = duckdb.connect(
            ":memory:",
            config={
                "threads": min(THREADS, os.cpu_count() or 1),
                "memory_limit": MEMORY,
                "temp_directory": str(folder),
                "max_temp_directory_size": SPILL,
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        with self._lock:
            self._connection = connection
        try:
            for setting in _SETTINGS:
                connection.execute(f"SET {setting}")
            load(connection, plan.lookups, tables or {}, self.stopped)
            return self._run(connection, plan, readings, catalog)
        except (duckdb.Error, RuntimeError) as error:
            if self.stopped():
                raise Stopped("the query was stopped") from error
            raise
        finally:
            with self._lock:
                self._connection = None
            connection.close()

    def _run(self, connection: Any, plan: Plan, readings: Mapping[str, Reading], catalog: Path) -> Outcome:
        for prefix, reading in readings.items():
            _register(connection, prefix, reading, catalog)
        for step in plan.steps:
            self._check()
            if isinstance(step, Clusters):
                self._cluster(connection, step)
            elif isinstance(step, Anomalies):
                self._anomalies(connection, step)
            elif isinstance(step, Documents):
                self._documents(connection, step)
            else:
                connection.execute(f"CREATE TEMP TABLE {step.name} AS {step.select}")
        self._check()
        matched = connection.execute(plan.matched).fetchone()[0] if plan.matched else None
        rows = self._fetch(connection.execute(plan.select))
        read = [each for _, now, earlier in readings.values() for each in (now, earlier) if each is not None]
        scanned, size = sum(each.records for each in read), sum(each.bytes for each in read)
        own = sum(each.records for each in readings[""][1:] if each is not None)
        # Joins and the like make more rows of events than there are.
        return Outcome(rows, own if matched is None else min(matched, own), scanned, size)

    def _fetch(self, found: Any) -> list[tuple[Any, ...]]:
        """Every row, as long as they are not too much for memory: a message may have a megabyte."""
        rows: list[tuple[Any, ...]] = []
        size = 0
        while some := found.fetchmany(_FETCH):
            self._check()
            size += sum(len(value) for row in some for value in row if isinstance(value, str))
            if size > LARGEST:
                raise RuntimeError(f"the results are larger than {LARGEST >> 20} MiB: use limit, or fewer fields")
            rows += some
        return rows

    def _cluster(self, connection: Any, step: Clusters) -> None:
        found = clusters(connection.execute(step.select).fetchall(), self._check)
        if not step.diff:
            found = [each for each in found if each.current]
        connection.execute(
            f"CREATE TEMP TABLE {step.name} (pattern VARCHAR, current BIGINT, ratio DOUBLE, severity VARCHAR, "
            "previous BIGINT, change BIGINT)"
        )
        if found:
            connection.executemany(f"INSERT INTO {step.name} VALUES (?, ?, ?, ?, ?, ?)", found)

    def _anomalies(self, connection: Any, step: Anomalies) -> None:
        connection.execute(f"CREATE TEMP TABLE {step.name}_lines AS {step.select}")
        statements, lines, numbers = counted(step.name, step.window)
        for statement in statements:
            connection.execute(statement)
        self._check()
        seen = [Line(*row) for row in connection.execute(lines).fetchall()]
        self._check()
        found = anomalies(seen, (_number(row) for row in connection.execute(numbers).fetchall()), self._check)
        connection.execute(f"CREATE TEMP TABLE {step.name} ({TABLE})")
        if found:
            marks = ", ".join("?" * len(found[0]))
            connection.executemany(f"INSERT INTO {step.name} VALUES ({marks})", found)

    def _documents(self, connection: Any, step: Documents) -> None:
        found = connection.execute(step.select)
        columns, paths = zip(*step.paths, strict=True)
        relation = read(iter(partial(found.fetchmany, _DOCUMENTS), []), paths, LARGEST, self._check)
        connection.register(f"{step.name}_read", relation)
        listed = ", ".join(f"{taken(number)} AS {column}" for number, column in enumerate(columns))
        connection.execute(f"CREATE TEMP TABLE {step.name} AS SELECT place, {listed} FROM {step.name}_read")

    def _check(self) -> None:
        if self.stopped():
            raise Stopped("the query was stopped")


def _register(connection: Any, prefix: str, reading: Reading, catalog: Path) -> None:
    """Make what a query reads known to DuckDB."""
    groups, now, earlier = reading
    relations = {"events": now.relation(), "streams": streams(catalog, groups), "entities": entities(catalog, groups)}
    if earlier is not None:
        relations["earlier"] = earlier.relation()
    for name, relation in relations.items():
        connection.register(f"{prefix}{name}", relation)
    connection.execute(
        f"CREATE TEMP TABLE {prefix}groups "
        "(number BIGINT, uid VARCHAR, log VARCHAR, is_lambda BOOLEAN, account VARCHAR, region VARCHAR)"
    )
    rows = [
        (number, each.uid, f"{each.account}:{each.name}", each.name.startswith("/aws/lambda/"),
         each.account, each.region)
        for number, each in enumerate(groups)
    ]  # fmt: skip
    if rows:
        connection.executemany(f"INSERT INTO {prefix}groups VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.execute(f"CREATE TEMP TABLE {prefix}indexed (uid VARCHAR, field VARCHAR, since BIGINT, until BIGINT)")
    if periods := [(each.uid, *period) for each in groups for period in each.indexed]:
        connection.executemany(f"INSERT INTO {prefix}indexed VALUES (?, ?, ?, ?)", periods)


def _number(row: tuple[Any, ...]) -> Number:
    *known, errors, every = row
    return Number._make([*known, errors or {}, every])
