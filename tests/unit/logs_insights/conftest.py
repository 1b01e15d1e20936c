"""Queries carried out over lines that a test gives, without a cloud."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.execution import Execution, Reading
from cloudarium.services.logs.insights.language import parse
from cloudarium.services.logs.insights.results import rows
from cloudarium.services.logs.insights.source import Events, Group
from cloudarium.services.logs.storage.batch import of_stream
from cloudarium.services.logs.storage.catalog import Catalog
from cloudarium.services.logs.storage.sweep import Piece

START = 1_609_459_200_000
"""2021-01-01: the first line's time; the others follow a minute apart."""
Run = Callable[..., list[dict[str, str]]]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    made = Catalog(folder / "catalog.db")
    assert made.create("uid", "stream", 0)
    made.close()
    return folder / "catalog.db"


@pytest.fixture(scope="module")
def run(catalog: Path) -> Run:
    """``run(query, lines, group=…, before=lines of the time range that diff compares with, nested=…)``: the last are
    lines of each query within the query; without them those have the same lines.
    """

    def run(
        query: str,
        lines: Sequence[str],
        group: str = "g",
        before: Sequence[str] = (),
        nested: Sequence[Sequence[str]] = (),
    ) -> list[dict[str, str]]:
        plan = compiled(parse(query), START / 1000, None, (START, START + 60_000 * len(lines) - 1))
        listed = Group("uid", group, "111122223333", "us-east-1", 0, None)

        def events(lines: Sequence[str], raw: bool) -> Events:
            messages = [line.encode() for line in lines]
            times = array("q", [START + 60_000 * place for place in range(len(lines))])
            batch = of_stream(1, 0, START, times, array("I", map(len, messages)), b"".join(messages))
            return Events([(listed, [Piece(0, 1, lambda: batch)])], 0, 1 << 60, raw, lambda: False)

        earlier = events(before, plan.raw) if plan.diff is not None else None
        readings = {"": Reading([listed], events(lines, plan.raw), earlier)}
        for each, own in zip(plan.inputs, nested or [lines] * len(plan.inputs), strict=True):
            readings[each.prefix] = Reading([listed], events(own, each.raw))
        found = Execution().run(plan, readings, catalog, catalog.parent / "spill")
        return [{name: value for name, value in row if name != "@ptr"} for row in rows(plan, found.rows)]

    return run
