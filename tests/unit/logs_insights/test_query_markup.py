"""``parse … XML``: paths, what they find, and documents that are none or mean no good."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.compile.plan import Documents
from cloudarium.services.logs.insights.language import QueryFault, parse
from cloudarium.services.logs.insights.language.xpaths import xpath
from cloudarium.services.logs.insights.markup import LARGEST, read, values

Run = Callable[..., list[dict[str, str]]]
EVENT = """<?xml version="1.0" encoding="ISO-8859-1"?>
<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">
  <System><Provider Name="Security"/><EventID Qualifiers="">4624</EventID><Level>0</Level></System>
  <!-- <System>no</System> -->
  <EventData>
    <Data Name="User">Grüne &amp; S&#246;hne</Data><Data Name="Ip">192.0.2.7</Data><Data/>
    <Data Name="Note"><![CDATA[<b>]]> x<i>y</i>z</Data>
  </EventData>
  <soap:Body soap:id="7"><Level>deep</Level></soap:Body>
</Event>"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/Event/System/EventID", "4624"), ("Event/System/EventID", "4624"), (" /Event/System/Level ", "0"),
        ("//Level", "0"), ("//soap:Body/Level", "deep"), ("/Event//Level", "0"), ("/Event/*/Level", "0"),
        ("/*/*/EventID", "4624"), ("//System//Level", "0"), ("//Event//System//EventID", "4624"),
        ("/Event/System/Provider/@Name", "Security"), ("/Event/System/EventID/@Qualifiers", ""),
        ("//soap:Body/@soap:id", "7"), ("//Data/@Name", "User"), ("//*[@Qualifiers]", "4624"),
        ('//Data[@Name="Ip"]', "192.0.2.7"), ("//Data[ @Name = 'User' ]", "Grüne & Söhne"), ("//Data[2]", "192.0.2.7"),
        ("//Data[3]", ""), ("//Data[@Name][3]", "<b> xyz"), ("//Data[3][@Name]", None), ("//Level[1]", "0"),
        ("/Event/EventData/Data[4]/text()", "<b> x"), ("//Data[4]/i/text()", "y"), ("//i", "y"),
        ("/Event/EventData/Data[9]", None), ("/System", None), ("/Event/Level", None), ("//Data[@name]", None),
        ("//Provider", ""), ("//Provider/text()", None), ("//nope", None), ("/Event/System/EventID/x", None),
    ],
)  # fmt: skip
def test_paths(run: Run, path: str, found: str | None) -> None:
    quote = '"' if "'" in path else "'"
    (row,) = run(f"parse @message XML {quote}{path}{quote} as found | display found", [EVENT])
    assert row.get("found") == found


def test_the_first_one_in_the_document_is_taken() -> None:
    document = "<r><a><a>1</a>2</a><a>3</a><b><c/></b><b><c>4</c></b><b><c n='5'/></b></r>"
    for path, found in (
        ("//a", "12"), ("//a/a", "1"), ("//a//a", "1"), ("/r/a[2]", "3"), ("//a[1]", "12"), ("//b/c", ""),
        ("//b/c/text()", "4"), ("//c/@n", "5"), ("/r/b[2]/c", "4"), ("//c[1]/@n", "5"), ("/r/a/text()", "2"),
        ("//a/text()", "1"), ("/r/*[3]/c", ""),
    ):  # fmt: skip
        assert values(document, [xpath(path, 0, 0)]) == [found], path


@pytest.mark.parametrize(
    "document",
    [
        "", "plain", "a <b>c</b>", "<a><x>1</x>", "<a><x>1</x></b>", "<a><x>1</x></a> and more", "<a><x>1</a></x>",
        "<a><x>1</x>&undefined;</a>", "<a><x y=1>1</x></a>", '<a><x y="1" y="2">1</x></a>', "<a><x>1</x>\x01</a>",
        "<a><x>1</x><b></a>", "<a><x>1</x></a><a><x>1</x></a>", "<a><x>1</x>]]></a>", "<a><x>1 < 2</x></a>",
        '<!DOCTYPE a><a><x>1</x></a>', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><x>1</x></a>',
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a><x>&e;</x></a>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://192.0.2.1/x"> %p;]><a><x>1</x></a>',
    ],
)  # fmt: skip
def test_what_is_no_document_has_no_values(run: Run, document: str) -> None:
    good = "<a><x>good</x></a>"
    found = run("parse @message XML '/a/x' as x | fields x | sort @timestamp | display x", [document, good])
    assert found == [{}, {"x": "good"}]


def test_entities_cost_nothing() -> None:
    levels = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(12))
    bomb = f'<!DOCTYPE a [<!ENTITY l0 "lol">{levels}]><a><x>&l12;</x></a>'
    quadratic = f'<!DOCTYPE a [<!ENTITY e "{"e" * 50_000}">]><a><x>{"&e;" * 10_000}</x></a>'
    tracemalloc.start()
    try:
        for document in (bomb, quadratic):
            assert values(document, [xpath("//x", 0, 0)]) == [None]
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_documents_are_bounded() -> None:
    path = [xpath("/a/x", 0, 0)]
    whole = f"<a><x>{'y' * (LARGEST - 14)}</x></a>"
    assert len(whole) == LARGEST and len(values(whole, path)[0] or "") == LARGEST - 14
    assert values(f"<a><x>{'y' * (LARGEST - 13)}</x></a>", path) == [None]
    assert values(f"<a><x>{'ü' * (LARGEST // 2)}</x></a>", path) == [None], "bytes, not characters"
    deep = f"{'<a>' * 100_000}1{'</a>' * 100_000}"
    assert values(deep, [xpath("/a/a/a", 0, 0), xpath("//b", 0, 0), xpath("/a/x", 0, 0)]) == ["1", None, None]


def test_what_is_found_is_bounded() -> None:
    rows = [[(number, "<a>12345</a>")] for number in range(5)]
    paths = [xpath("/a", 0, 0)]
    read(iter(rows), paths, 25, lambda: None)
    with pytest.raises(RuntimeError, match="parse XML finds"):
        read(iter(rows), paths, 24, lambda: None)
    seen: list[int] = []
    read(iter(rows), paths, 25, lambda: seen.append(1))
    assert len(seen) == 5, "a query that is stopped stops between documents"


def test_several_values_of_the_same_documents_are_one_step(run: Run) -> None:
    lines = ['<e><l n="1">info</l><s>web</s></e>', "<e><l>error</l></e>", "none", "<e><s>db</s></e>"]
    query = (
        "parse @message XML '/e/l' as level | filter ispresent(level) | parse XML '/e/s' as service"
        " | parse @message xml '//l/@n' as n | sort @timestamp | display level, service, n"
    )
    assert run(query, lines) == [{"level": "info", "service": "web", "n": "1"}, {"level": "error"}]
    steps = compiled(parse(query), 0.0).steps
    assert [len(step.paths) for step in steps if isinstance(step, Documents)] == [3]
    other = "parse @message XML '/e' as e | parse e XML '/x' as x | parse @message XML '/e/l' as l"
    assert sum(isinstance(step, Documents) for step in compiled(parse(other), 0.0).steps) == 3


def test_values_go_on_in_the_query(run: Run) -> None:
    lines = ["at 1 <e><n>10</n></e>", "at 2 <e><n>x</n></e>", "at 3 <e><n>30</n></e>", "at 4"]
    query = "parse @message /(?<doc><.*>)/ | parse doc XML '/e/n' as n"
    assert run(f"{query} | stats sum(n) as s, count(n) as c", lines) == [{"s": "40", "c": "3"}]
    assert run(f"{query} | stats latest(n) as n by bin(1h) | parse n XML '/e' as e | display n, e", lines) == [
        {"n": "30"}
    ]
    assert run(f"{query} | filter n > 20 | display n | dedup n | limit 5", lines) == [{"n": "30"}]
    found = run(f"{query} | filter @message in (fields @message | filter @message like '1') | display n", lines)
    assert found == [{"n": "10"}]
    nested = f"fields @message | join left=a right=b where a.@message = b.@message (SOURCE 'g' | {query})"
    assert sorted(row.get("m", "") for row in run(f"{nested} | fields b.n as m | display m", lines)) == [
        "", "10", "30", "x",
    ]  # fmt: skip


def test_fields_of_the_same_name(run: Run) -> None:
    lines = ['{"xml": "<a>1</a>", "b": "<a>2</a>"}']
    assert run("parse xml XML '/a' as r | display r", lines) == [{"r": "1"}]
    assert run("parse b xml '/a' as b | display b", lines) == [{"b": "2"}]
    assert run("parse xml '<a>*<' as r | display r", lines) == [{"r": "1"}], "a glob of a field that is called xml"


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("parse @message XML", QueryFault), ("parse @message xml as x", QueryFault),
        ("parse @message XML '/a'", QueryFault), ("parse @message XML '/a' as x, y", QueryFault),
        ("parse @message XML '' as x", QueryFault), ("parse @message XML '//' as x", QueryFault),
        (f"parse @message XML '{'/a' * 21}' as x", QueryFault), (f"parse @message XML '/{'a' * 500}' as x", QueryFault),
        ("parse @message XML /a/ as x", QueryFault),
        *(
            (f'parse @message XML "{path}" as x', NotThere)
            for path in (
                "/a/../b", "/a/.", "/a/", "/a[b]", "/a[b='c']", "/a[0]", "/a[last()]", "/a[@b=1]", "/a[@b!='1']",
                "/a | /b", "count(/a)", "/child::a", "/a//@b", "//@b", "@b", "/a/@b/c", "/a/text()/b", "text()", "/a b",
                "/a[@b='1' and @c]", "///a", "/a/@*", "/a[1", "/1a", "/a:b:c",
            )
        ),
    ],
)  # fmt: skip
def test_what_is_no_path_or_not_built(query: str, fault: type[Exception]) -> None:
    with pytest.raises(fault) as caught:
        compiled(parse(query), 0.0)
    if fault is NotThere:
        assert "XPath" in str(caught.value)
