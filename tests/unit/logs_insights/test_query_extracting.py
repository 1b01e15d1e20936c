"""``parse`` in all its modes, ``json`` and ``expand``: fields out of other fields."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.language import QueryFault, parse

Run = Callable[..., list[dict[str, str]]]


def test_logfmt(run: Run) -> None:
    lines = ['level=info msg="it \\\\"works\\\\" here" took=12ms empty= level=error', "no pairs at all"]
    lines = [line.replace("\\\\", "\\") for line in lines]
    (row, other) = run("parse @message logfmt as kv | fields kv.level as l, kv.msg as m, kv.took as t, kv.empty as e"
                       " | sort @timestamp | display l, m, t, e", lines)  # fmt: skip
    assert row == {"l": "info", "m": 'it "works" here', "t": "12ms", "e": ""} and other == {}


def test_csv(run: Run) -> None:
    lines = ['a,"b, ""c""",,d', "x"]
    query = "parse @message csv as one, two, three, four, five | sort @timestamp | display one, two, three, four, five"
    assert run(query, lines) == [{"one": "a", "two": 'b, "c"', "three": "", "four": "d"}, {"one": "x"}]


def test_every_match_of_an_expression(run: Run) -> None:
    query = "parse @message /id=(?<id>\\d+)/ multi | fields id | display id | sort id"
    assert run(query, ["id=1 and id=22", "none", "id=3"]) == [{"id": "1"}, {"id": "3"}, {"id": "22"}, {}]


def test_json_within_a_field(run: Run) -> None:
    lines = ['{"body": "{\\"a\\": {\\"b\\": [1, 2]}}"}', '{"body": "plain"}']
    query = 'fields body | json field=body "a.b" as found | sort @timestamp | display found'
    assert run(query, lines) == [{"found": "[1,2]"}, {}]


def test_expand(run: Run) -> None:
    lines = ['{"tags": ["x", "y"]}', '{"tags": "z"}', '{"tags": []}', "{}"]
    found = run("fields tags | sort @timestamp | expand tags | display tags", lines)
    assert [row.get("tags") for row in found][:3] == ["x", "y", "z"]


def test_where_is_filter_and_an_exclamation_mark_is_not(run: Run) -> None:
    lines = ['{"n": 1}', '{"n": 2}']
    assert run("where !(n = 1) | fields n | display n", lines) == [{"n": "2"}]
    assert run("fields n | limit any 1 | display n", lines)[0]["n"] in ("1", "2")


def test_elements_of_lists_by_number(run: Run) -> None:
    assert run("fields a[1].b as x | display x", ['{"a": [{"b": 1}, {"b": 2}]}']) == [{"x": "2"}]


def test_logcompare_is_diff_with_a_shift(run: Run) -> None:
    found = run("pattern @message | logcompare timeshift 7d", ["job 1 done", "job 2 done"], before=["job 3 done"])
    assert [(row["@sampleCount"], row["@previousSampleCount"]) for row in found] == [("2", "1")]
    assert compiled(parse("logcompare timeshift 2h"), 0.0).diff == 7_200_000


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("parse @message logfmt as a, b", QueryFault), ("parse @message csv", QueryFault),
        ("json field=a b as c", QueryFault),
        ("logcompare timeshift 1mo", QueryFault), ("logcompare 7d", QueryFault), ("fields a[b]", QueryFault),
        ("SOURCE 'g' start=5 | fields a", NotThere),
        ("SOURCE 'g' start=-1h end=-2h | fields a", QueryFault),
    ],
)  # fmt: skip
def test_faults_of_these_commands(query: str, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        compiled(parse(query), 0.0)
