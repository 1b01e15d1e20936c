"""The parser: what it makes of queries, where it finds faults, and that nothing upsets it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.compile.regexes import of_glob, translated
from cloudarium.services.logs.insights.language import QueryFault, parse, tree


def test_names_patterns_and_comments() -> None:
    query = parse(
        "fields a.b.0.c as x, `foo-bar`, @m/2 # half\n| filter a like /x\\/[/]#|y/ and b not in ['p|q', 2] # end"
    )
    fields, condition = query.commands
    assert isinstance(fields, tree.Fields) and isinstance(condition, tree.Filter)
    assert [item.name for item in fields.items] == ["x", "foo-bar", "@m/2"]
    first = fields.items[0].expression
    assert isinstance(first, tree.Field) and first.parts == ("a", "b", "0", "c")
    both = condition.condition
    assert isinstance(both, tree.Logic) and both.operator == "and"
    like, other = both.operands
    assert isinstance(like, tree.Like) and like.regex and like.pattern == "x\\/[/]#|y"
    assert isinstance(other, tree.Not) and isinstance(other.operand, tree.In)
    assert [each.value for each in other.operand.options if isinstance(each, tree.String)] == ["p|q"]


def test_precedence() -> None:
    (command,) = parse("filter not a = 1 and b < 2 + 3 * 4 or c").commands
    assert isinstance(command, tree.Filter)
    whole = command.condition
    assert isinstance(whole, tree.Logic) and whole.operator == "or"
    left = whole.operands[0]
    assert isinstance(left, tree.Logic) and isinstance(left.operands[0], tree.Not)
    comparison = left.operands[1]
    assert isinstance(comparison, tree.Comparison) and isinstance(comparison.right, tree.Arithmetic)
    assert comparison.right.operator == "+"


@pytest.mark.parametrize(
    ("written", "count", "unit"),
    [
        ("5m", 5, "minute"), ("5min", 5, "minute"), ("5mins", 5, "minute"), ("1hr", 1, "hour"), ("2hrs", 2, "hour"),
        ("500ms", 500, "millisecond"), ("3msecs", 3, "millisecond"), ("1d", 1, "day"), ("2weeks", 2, "week"),
        ("1mo", 1, "month"), ("2qtrs", 2, "quarter"), ("1y", 1, "year"), ("30s", 30, "second"),
    ],
)  # fmt: skip
def test_every_unit_of_time(written: str, count: int, unit: str) -> None:
    (command,) = parse(f"stats count(*) by bin({written})").commands
    assert isinstance(command, tree.Stats)
    call = command.keys[0].expression
    assert isinstance(call, tree.Call) and isinstance(call.arguments[0], tree.Period)
    assert (call.arguments[0].count, call.arguments[0].unit) == (count, unit)


@pytest.mark.parametrize(
    ("query", "start", "words"),
    [
        ("", 0, "unexpected end"),
        ("fields", 6, "unexpected end"),
        ("nonsense a", 0, "nonsense at line 1 and position 0"),
        ("fields a |\n  filter ) = 1", 20, ") at line 2 and position 9"),
        ("fields a b", 9, "b at line 1"),
        ("filter a = 'x", 11, "unterminated string"),
        ("filter a like /x", 14, "unterminated regular expression"),
        ("fields `x", 7, "unterminated field name"),
        ("limit 100001", 6, "between 1 and 100000"),
        ("limit x", 6, "x at line 1"),
        ("stats count(*) as c" + " | stats count(*) as c" * 10, 220, "at most 10 stats"),
        ("stats count(*) by bin(5parsecs)", 22, "invalid time period"),
        ("parse @message '* *' as a", 15, "2 wildcards but 1 fields"),
        ("diff nextDay", 5, "nextDay"),
        ("fields a | | limit 1", 11, "|"),
        ("filter " + "(" * 100 + "a" + ")" * 100, 67, "nested too deeply"),
        ("fields " + "-" * 500 + "a", 67, "nested too deeply"),
        ("fields a" + "+a" * 500, 808, "too complex"),
        ("fields 'a\0b'", 9, "unexpected symbol"),
        ("fields a" + " " * 10_000, 10_000, "longer than 10000"),
    ],
)
def test_faults_have_a_place(query: str, start: int, words: str) -> None:
    with pytest.raises(QueryFault) as caught:
        parse(query)
    assert words in caught.value.message
    assert caught.value.start == start and start <= caught.value.end


def test_faults_of_functions_have_the_place_of_the_call() -> None:
    for query, place in (
        ("stats count(*) as c by a | stats sum(c) by bin(5m)", (43, 50)),
        ("fields a, isIpInSubnet(a, 'x')", (10, 30)),
        ("filter regexReplace(a, '(', '') = 1", (7, 31)),
        ("fields regexReplace(a, 'b', '\\\\1')", (7, 34)),
        ("fields formatDate(a, '%Y', 'Nowhere/At all')", (7, 44)),
    ):
        with pytest.raises(QueryFault) as caught:
            compiled(parse(query), 0.0)
        assert (caught.value.start, caught.value.end) == place, query


@pytest.mark.parametrize(
    "query",
    [
        "parse @message XML '/a[b]' as x", "SOURCE dataSource(['a.b']) | fields a",
        "SOURCE logGroups() dataSource(['a.b']) | fields a", "filter a like /x(?=y)/", "filter a like /x(?<!y)/",
        "fields parseDate(a, 'HH:mm')", "fields parseDate(a, 'yyyy GGG')", "fields formatDate(a, '%c')",
        "fields formatDate(a, b)", "fields regexReplace(a, b, c)",
    ],
)  # fmt: skip
def test_what_is_not_built_is_refused_by_name(query: str) -> None:
    with pytest.raises(NotThere):
        compiled(parse(query), 0.0)


def test_datetime_functions_cap_their_periods() -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html: 60 for seconds
    for written, count in (("300s", 60), ("5000ms", 1000), ("90m", 60), ("48h", 24), ("90d", 90), ("60s", 60)):
        (command,) = parse(f"stats count(*) by bin({written})").commands
        assert isinstance(command, tree.Stats)
        call = command.keys[0].expression
        assert isinstance(call, tree.Call) and isinstance(call.arguments[0], tree.Period)
        assert call.arguments[0].count == count and command.keys[0].name == f"bin({written})"


@pytest.mark.parametrize(
    "query",
    [
        'SOURCE logGroups(namePrefix: [], class: "STANDARD") START=-3600s END=0s |\nfields a',
        "SOURCE logGroups() start=-1h end=now | fields a",
    ],
)
def test_source_as_the_console_writes_it(query: str) -> None:
    source = parse(query).source
    assert source is not None and source.selected and source.prefixes == ()
    assert source.first is not None and source.first.before == 3_600_000
    assert source.last is not None and source.last.before == 0
    assert source.classes in (("STANDARD",), ())


@pytest.mark.parametrize(
    ("written", "prefixes", "tags"),
    [
        ("logGroupTags([{\"key\":\"team\",\"values\":[\"a\", \"b*\"]}])", (), [("team", ("a", "b*"))]),
        (
            "logGroups(namePrefix: ['/x'], class: \"STANDARD\") logGroupTags([{'key':'aws:cloudformation:logical-id',"
            "'values':[]}, {key: 'b', values: '!*c*'}]) START=-1w END=0s", ("/x",),
            [("aws:cloudformation:logical-id", ()), ("b", ("!*c*",))],
        ),
        ("logGroupTags([{'key': 'k'}])logGroups(namePrefix: ['/y'])", ("/y",), [("k", ())]),
    ],
)  # fmt: skip
def test_source_by_tags(written: str, prefixes: tuple[str, ...], tags: list[tuple[str, tuple[str, ...]]]) -> None:
    source = parse(f"SOURCE {written} | fields a").source
    assert source is not None and source.selected and source.prefixes == prefixes
    assert [(each.key, each.values) for each in source.tags] == tags


_TAG = "{'key': 'k'}"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("logGroupTags()", "unexpected"), ("logGroupTags([])", "unexpected"), ("logGroupTags([{}])", "needs a key"),
        ("logGroupTags([{'values': ['a']}])", "needs a key"), ("logGroupTags([{'key': ''}])", "unexpected"),
        ("logGroupTags([{'key': 'a', 'key': 'b'}])", "unexpected"), ("logGroupTags([{'key': 'a' 'b'}])", "unexpected"),
        ("logGroupTags([{'name': 'a'}])", "unexpected"), ("logGroupTags([{'key': ['a']}])", "unexpected"),
        ("logGroupTags([{'key': 'k', 'values': [1]}])", "unexpected"), ("logGroupTags([{'key': 'k'", "unexpected"),
        (f"logGroupTags([{', '.join([_TAG] * 6)}])", "at most 5 tags"),
        ("logGroupTags([{'key': 'k', 'values': ['1', '2', '3', '4', '5', '6']}])", "at most 5 values"),
        ("logGroupTags([{'key': 'k', 'values': ['a*b']}])", "ends"),
        ("logGroupTags([{'key': 'k', 'values': ['a!']}])", "ends"),
        (f"logGroupTags([{_TAG}]) logGroupTags([{_TAG}])", "unexpected"), ("logGroups() logGroups()", "unexpected"),
    ],
)  # fmt: skip
def test_faults_of_source_by_tags(written: str, words: str) -> None:
    with pytest.raises(QueryFault, match=words):
        parse(f"SOURCE {written} | fields a")


@pytest.mark.parametrize("name", ["eventstats", "search x", "tail 5"])
def test_commands_that_are_not_built_are_refused_by_name(name: str) -> None:
    with pytest.raises(NotThere, match=name.split()[0]):
        parse(f"fields a | {name}")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("stats nope(a)", "unknown function"),
        ("fields strlen()", "wrong number of arguments"),
        ("fields count(*)", "only be used in stats"),
        ("stats pct(a, 101)", "percentile"),
        ("stats a by b", "Unknown symbols"),
        ("stats count(*) by b | filter c = 1", "Unknown symbols"),
        ("dedup a | filter b = 1", "only limit"),
        ("fields isIpInSubnet(a, 'x')", "invalid subnet"),
        ("filter a like /[/", "invalid regular expression"),
        ("parse a /no groups/", "named group"),
        ("fields bin(a)", "period"),
        ("stats count(*) | pattern @message", "needs log events"),
        ("fields " + "concat(" * 25 + "dateceil(a, 1mo)" + ")" * 25, ""),
        ("fields " + "dateceil(" * 30 + "a" + ", 1mo)" * 30, ""),
        (" | ".join(f"fields isPublicIP(concat(a{number}, '.', b{number})) as c{number}" for number in range(99)), ""),
        ("fields " + ", ".join(f"isPublicIP(a) as c{number}" for number in range(380)), "too complex"),
    ],
)
def test_what_cannot_be_compiled(query: str, words: str) -> None:
    if not words:
        compiled(parse(query), 0.0)
        return
    with pytest.raises(QueryFault) as caught:
        compiled(parse(query), 0.0)
    assert words in caught.value.message


def test_regular_expressions_become_those_of_re2() -> None:
    assert translated(r"(?<a>\d+)(b)(?:c)", 0, 0) == (r"(?P<a>\d+)(b)(?:c)", ("a", ""))
    assert translated(r"a\/b", 0, 0).pattern == "a/b"
    for pattern in (r"(?=a)", r"(?<!a)b", r"(a)\1", r"(?>a)", r"[a&&b]"):
        with pytest.raises(NotThere):
            translated(pattern, 0, 0)
    assert of_glob("user=*, [*]") == r"(?s)user\=(.*?)\, \[(.*?)\]"


_WORDS = st.sampled_from(
    ["fields", "filter", "stats", "sort", "parse", "dedup", "unnest", "into", "by", "as", "like", "not", "in", "and",
     "or", "|", "(", ")", "[", "]", ",", "=", "!=", "+", "-", "/", "*", "/x/", "'q'", '"', "`a b`", "@message", "a.b.0",
     "a", "count(*)", "bin(5m)", "5m", "1.5", ".5", "#", "\n", "limit 5", "pattern", "diff", "SOURCE", "jsonParse(a)",
     "é", "\0", "\\", ";", "--", "pct(a,5)"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=25).map(" ".join)))
def test_nothing_but_faults_comes_of_nonsense(text: str) -> None:
    try:
        query = parse(text)
        with contextlib.suppress(NotThere):
            compiled(query, 0.0)
    except QueryFault as fault:
        assert 0 <= fault.start <= fault.end <= len(text)
    except NotThere:
        pass
