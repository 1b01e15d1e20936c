"""Filter patterns: what AWS's page and the notebook show, with lines that match and lines that do not."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.services.logs.patterns import PatternError, compiled
from cloudarium.services.logs.patterns.delimited import fields
from cloudarium.services.logs.storage.batch import of_stream

APACHE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
TRAIL = (
    '{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],'
    ' "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "ThisFlag": true,'
    ' "cluster.name": "c"}'
)
USERS = (
    '{"user": {"id": 1, "email": "John.Stiles@example.com"}, "users": [{"id": 2, "email": "John.Doe@example.com"},'
    ' {"id": 3, "email": "Jane.Doe@example.com"}], "actions": ["GET", "PUT", "DELETE"],'
    ' "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]]}'
)
GET = "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200"
POST = "INFO 09/25/2014 12:00:01 POST /service/resource/67/part/111 1310"
INVALID = "WARNING 09/25/2014 12:00:02 Invalid user request"
FAILED = "ERROR 09/25/2014 12:00:02 Failed to process request"
LEVELS = ("WARNING", "Warning", "ERROR", "Error", "CRITICAL", "Critical", "EMERGENCY", "Emergency", "ALERT", "Alert")
WITH_COLON = " ".join(f'?"{level}:"' for level in LEVELS)
WITH_MESSAGE = " ".join(f'?"{level} message"' for level in LEVELS)

CASES = [
    # Terms.
    ("ERROR", ["[ERROR] A fatal exception has occurred", "Exiting with ERRORCODE: -1"], ["error", "ERRO R", ""]),
    ('"ERROR" - "Exiting"', ["[ERROR] A fatal exception"], ["Exiting with ERRORCODE: -1", "fine"]),
    ("ERROR Exception", ["[ERROR] Caught IllegalArgumentException", "Exception ERROR"], ["ERROR", "Exception"]),
    (
        "Failed to process the request",
        ["[WARN] Failed to process the request", "[ERROR] Unable to continue: Failed to process the request"],
        ["Failed to process a request"],
    ),
    ('"INTERNAL SERVER ERROR"', ["[ERROR 500] INTERNAL SERVER ERROR"], ["INTERNAL ERROR SERVER"]),
    ("?ERROR ?WARN", ["ERROR WARN message", "ERROR message", "WARN message"], ["INFO message"]),
    ("ERROR WARN", ["ERROR WARN message"], ["ERROR message", "WARN message"]),
    ("ERROR -WARN", ["ERROR message"], ["ERROR WARN message", "WARN message"]),
    ('"a \\"quoted\\" word"', ['say a "quoted" word'], ["a quoted word"]),
    ("日本語", ["これは日本語です"], ["にほんご"]),
    ("", ["anything", ""], []),
    ('" "', ["anything", ""], []),
    ('""', ["anything", ""], []),
    ('ERROR " "', ["ERROR"], ["anything"]),
    # The notebook.
    (WITH_COLON, ["Error: no", "[2020] ERROR: no", "x ALERT: y"], ["ErrorHandler.php", "error: no", "WARNING no"]),
    (WITH_MESSAGE, ["Critical message"], ["Critical: message", "critical message"]),
    (
        '"ERROR:" -MethodNotAllowedHttpException',
        ["local.ERROR: something"],
        ["local.ERROR: MethodNotAllowedHttpException", "WARNING: something"],
    ),
    # OR is not seen beside an exclusion or a plain term.
    (
        '?"ERROR:" ?"WARNING:" -MethodNotAllowedHttpException',
        ["all is fine", "ERROR: x"],
        ["a MethodNotAllowedHttpException"],
    ),
    ("?ERROR ?ARGUMENTS 400", ["400 BAD REQUEST"], ["ERROR 401"]),
    # Regular expressions.
    ("%AUTHORIZED%", ["[ERROR 401] UNAUTHORIZED REQUEST", "[SUCCESS 200] AUTHORIZED REQUEST"], ["[ERROR 400] BAD"]),
    (r"%\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}%", ["from 10.0.0.1 to"], ["10.0.0"]),
    ("%[Ee]rror|[Ff]ail%", ["an error", "Failed"], ["ERROR"]),
    (r"%^\[ERROR\x5d%", ["[ERROR] x"], ["x [ERROR]"]),
    ("%^a{,2}b%", ["b", "aab"], ["aaab", "a{,2}b"]),
    ("%^a{2,}b%", ["aab", "aaab"], ["ab"]),
    ("%^a{1, 2}b%", ["ab"], ["aaab"]),
    (r"%^a\{,2}%", ["a{,2}"], ["aa"]),
    # JSON.
    ('{ $.eventType = "UpdateTrail" }', [TRAIL], ['{"eventType": "Other"}', '{"x": "UpdateTrail"}', "UpdateTrail"]),
    ("{ $.sourceIPAddress != 123.123.* }", [TRAIL], ['{"sourceIPAddress": "123.123.1.1"}', '{"other": 1}']),
    ('{ $.arrayKey[0] = "value" }', [TRAIL], ['{"arrayKey": "value"}', '{"arrayKey": ["x", "value"]}']),
    ("{ $.objectList[1].id = 2 }", [TRAIL], ['{"objectList": [{"id": 2}]}', '{"objectList": [1, 2]}']),
    ("{ $.SomeObject IS NULL }", [TRAIL], ['{"SomeObject": 1}', "{}"]),
    ("{ $.SomeOtherObject NOT EXISTS }", [TRAIL], ['{"SomeOtherObject": null}']),
    ("{ $.ThisFlag IS TRUE }", [TRAIL], ['{"ThisFlag": false}', '{"ThisFlag": "true"}', '{"ThisFlag": 1}']),
    ("{ $.ThisFlag IS FALSE }", ['{"ThisFlag": false}'], [TRAIL, '{"ThisFlag": 0}']),
    ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', [USERS], ['{"user": {"id": 1}}']),
    (
        '{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }',
        ['{"actions": [1, 2, "GET"]}'],
        [USERS],
    ),
    (
        '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }',
        [USERS],
        ['{"actions": [1, 2, "nomatch"]}'],
    ),
    (
        '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }',
        [],
        [USERS],
    ),
    ("{ $.users = 1 }", [], ['{"users": [1, 2, 3]}']),
    ("{ $.users != 1 }", ['{"users": 2}'], ['{"users": [1, 2, 3]}', '{"users": {"a": 1}}']),
    ("{ $.latency >= 500 }", ['{"latency": 500}', '{"latency": 500.5}'], ['{"latency": 499}', '{"latency": "600"}']),
    ("{ $.numbers[0] < 10e3 }", ['{"numbers": [9999]}'], ['{"numbers": [10000]}', '{"numbers": 1}']),
    ("{ $.numbers[0] < 10e-3 }", ['{"numbers": [0.009]}'], ['{"numbers": [0.01]}']),
    ("{ $.processes[4].averageRuntime <= 55.5 }", ['{"processes": [0, 0, 0, 0, {"averageRuntime": 55.5}]}'], ["{}"]),
    (
        "{ $.errorCode = 400 }",
        ['{"errorCode": 400}', '{"errorCode": 4e2}', '{"errorCode": "400"}'],
        ['{"errorCode": 401}'],
    ),
    ("{ $.errorCode != 500 }", ['{"errorCode": 400}'], ['{"errorCode": 500}', "{}"]),
    ("{ $.latency > +1000 }", ['{"latency": 1001}'], ['{"latency": 1000}']),
    ("{$.latency = *}", ['{"latency": 3}', '{"latency": "x"}'], ['{"latency": null}', "{}"]),
    ('{ $.eventName = "*Event" }', ['{"eventName": "PutEvent"}'], ['{"eventName": "EventPut"}']),
    ("{ $.eventName = Event* }", ['{"eventName": "EventId"}'], ['{"eventName": "PutEvent"}']),
    ("{ $.eventName = Ev*ent }", ['{"eventName": "Ev*ent"}'], ['{"eventName": "Evxent"}']),
    ("{ $.ip = %^10\\.[0-9]{1,3}% }", ['{"ip": "10.1.2.3"}'], ['{"ip": "110.1"}', '{"ip": 10}']),
    ("{ $.eventType = %Trail% }", [TRAIL], ['{"eventType": "x"}']),
    ("{ $.['cluster.name'] = \"c\" }", [TRAIL], ['{"cluster": {"name": "c"}}', '{"cluster.name": "d"}']),
    ("{ $.a['b (c) = d'][0] = 1 && $.x = 2 }", ['{"a": {"b (c) = d": [1]}, "x": 2}'], ['{"a": {"b": [1]}, "x": 2}']),
    ("{ $.arrayKey[*] = %val.{2}% }", [TRAIL], ['{"arrayKey": "value"}', '{"arrayKey": []}', '{"x": ["value"]}']),
    (r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }", [TRAIL], ['{"a": {"b": "111.111.111.111"}}', '{"a": "111.111"}']),
    ("{ $.objectList[*].id = 2 }", [TRAIL], ['{"objectList": [{"id": 1}]}', '{"objectList": {"id": 2}}']),
    ("{ $.users.*.age > 30 }", ['{"users": {"x": {"age": 31}}}'], ['{"users": [{"age": 31}]}', "{}"]),
    ('{ $.arrayKey[*] != "value" }', [TRAIL], ['{"arrayKey": ["value"]}', '{"arrayKey": []}']),
    ("{ $.list[*].id NOT EXISTS }", ["{}", '{"list": [{}]}', '{"list": 1}'], ['{"list": [{}, {"id": null}]}']),
    ("{ $.* IS TRUE && $.a = 1 }", ['{"b": true, "a": 1}'], ['{"a": 1}', '{"b": true}']),
    ("{ $.['say \"x\"'] = 1 && $.['\\'] = 2 }", [r'{"say \"x\"": 1, "\\": 2}'], ['{"say": 1}']),
    ("{ $['\ud800'].a NOT EXISTS }", ["{}"], []),
    ("{ $[0] = 1 }", [], ["[1]", "{}"]),
    ("{ $[*] = 1 }", [], ["[1]", "{}"]),
    # However JSON spells it.
    ('{ $.name = "b\\"c" }', ['{"name": "b\\"c"}'], ['{"name": "bc"}']),
    ('{ $.name = "abc" }', ['{"name": "\\u0061bc"}', '{"n\\u0061me": "abc"}'], ['{"name": "\\u0062bc"}']),
    ("{ $.foo = bar }", ['{"foo": "bar"}'], ['{"foo": "baz"}']),
    ("{$.foo = bar || $.foo = baz }", ['{"foo": "bar"}', '{"foo": "baz"}'], ['{"foo": "x"}', '["foo", "bar"]']),
    # Space-delimited.
    ("[w1=ERROR, w2]", ["ERROR message", FAILED], ["WARN ERROR message", "ERROR", INVALID]),
    ("[w1=ERROR || w1=WARNING, w2]", ["ERROR message", FAILED, INVALID], ["INFO message", "WARNING"]),
    ("[w1!=ERROR && w1!=WARNING, w2]", ["INFO message", GET], [FAILED, INVALID]),
    ("[w1=ERROR]", ["ERROR"], [FAILED]),
    ("[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]", [GET], [POST, FAILED]),
    ("[logLevel, date, time, method, url=%/service/resource/[0-9]+/part/[0-9]+$%, response_time]", [POST], [GET]),
    ('[timestamp=*Z, request_id="*-*", event]', ["2026-01-01T00:00:00Z\ta-b\tand all the rest"], ["2026Z a-b"]),
    ("[ip, user, username, timestamp, request, status_code, bytes > 1000]", [APACHE], [APACHE[:-4] + "999"]),
    ("[ip, user, username, timestamp, request, status_code = 4*, bytes]", [APACHE], [APACHE.replace(" 404 ", " 200 ")]),
    ("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", [APACHE], ["a b"]),
    ("[..., status_code, bytes]", [APACHE, "200 5"], ["5"]),
    ("[ip, user, ..., status_code = 404, bytes]", [APACHE], ["404 5"]),
    ("[ip, user, ...]", [APACHE], ["one"]),
    ("[ip, user, username, timestamp, request, status_code = 4* && bytes > 1000]", [], [APACHE]),
    (
        "[ip, user, username, timestamp, request, status_code = 4* && status_code != 403, bytes]",
        [APACHE],
        [APACHE.replace(" 404 ", " 403 ")],
    ),
    (r"[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request, status_code, bytes]", [APACHE], [APACHE[1:]]),
    ("[(level = WARN || level = ERROR), ..., size >= 1.5]", ["WARN a b 2"], ["WARN a b x", "INFO a 2"]),
]


@pytest.mark.parametrize(("pattern", "matching", "others"), CASES, ids=[case[0][:60] for case in CASES])
def test_the_documented_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    """One by one, and as a batch in which all lines stand together."""
    found = compiled(pattern)
    assert [line for line in matching if not found.matches(line.encode())] == []
    assert [line for line in others if found.matches(line.encode())] == []
    lines = [line.encode() for pair in zip(others + matching, matching + others, strict=True) for line in pair]
    batch = of_stream(1, 0, 0, array("q", range(len(lines))), array("I", map(len, lines)), b"".join(lines))
    wanted = [i for i, line in enumerate(lines) if line.decode() in matching]
    assert list(found.select(batch)) == wanted


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ('{ $.a = "x"', "If a filter pattern starts with '{' it must end with '}'"),
        ("[a, b", "If a filter pattern starts with '[' it must end with ']'"),
        ("error-code", "Invalid character(s) in term 'error-code'"),
        ("{ $.a[*].b[*] = 1 }", "more than one wildcard"),
        ("{ $.a[*] = 1 || $.b[*] = 1 || $.c[*] = 1 || $.* = 1 }", "at most 3 wildcard"),
        ("{ $.a EXISTS }", "unexpected 'EXISTS'"),
        ("{ $.a IS NOT NULL }", "unexpected 'NOT'"),
        ('{ $.["a.b"] = 1 }', "unexpected '$.['"),
        ("%(group)%", "Invalid character(s) in term '%(group)%'"),
        ("%something!%", "Invalid character(s) in term '%something!%'"),
        ("%日本%", "Invalid character(s) in term '%日本%'"),
        ("{ a = 1 }", "unexpected 'a'"),
        ("{ $.a ~ 1 }", "unexpected '~'"),
        ("{ $.a = 1 && }", "unexpected end"),
        ("{ ($.a = 1 }", "not closed"),
        ("{ $.a < text }", "is not a number"),
        ("{ $.a = @x }", "Invalid character(s) in term '@x'"),
        ("{ $.a = %x% && $.b = %y% && $.c = %z% }", "at most 2 regular expressions"),
        ("[..., a, ...]", "more than one ellipsis"),
        ("[a, a]", "appears twice"),
        ("{" + "(" * 60 + "$.a=1" + ")" * 60 + "}", "nested parentheses"),
        ("x" * 1025, "at most 1024"),
    ],
)
def test_what_is_no_pattern_is_refused_in_words(pattern: str, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        compiled(pattern)
    assert message in str(caught.value)


def test_fields_are_extracted_by_name_or_place() -> None:
    found = compiled("[..., request=*.html*, status_code=4*,]").extract(APACHE.encode())
    assert found == {
        "$1": "127.0.0.1", "$2": "-", "$3": "frank", "$4": "10/Oct/2000:13:25:15 -0700",
        "$request": "GET /index.html HTTP/1.0", "$status_code": "404", "$7": "1534",
    }  # fmt: skip
    trail = compiled('{ $.eventType = "UpdateTrail" && $.objectList[1].id = 2 && $.ThisFlag IS TRUE }')
    assert trail.extract(TRAIL.encode()) == {
        "$.eventType": "UpdateTrail",
        "$.objectList[1].id": "2",
        "$.ThisFlag": "true",
    }
    assert trail.value(TRAIL.encode(), "$.arrayKey[1]") == "another value"
    assert trail.value(TRAIL.encode(), "$.arrayKey") is None
    assert compiled("ERROR").extract(b"ERROR") == {}
    assert compiled("[a, b]").extract(b'x "y z" [1] ') == {"$a": "x", "$b": '"y z" [1]'}
    assert compiled("[a, b]").extract(b'x "y z" ') == {"$a": "x", "$b": "y z"}
    dotted = compiled("{ $.['cluster.name'] = c && $.arrayKey[*] = value }")
    assert dotted.extract(TRAIL.encode()) == {"$.['cluster.name']": "c"}
    assert dotted.defines("$.['cluster.name']") and not dotted.defines("$.arrayKey[*]")


def test_regular_expressions_take_linear_time() -> None:
    """What makes a backtracking engine run for years ends here, or this test never does."""
    hostile = compiled("%.*.*.*.*.*.*.*.*.*=x%")
    assert not hostile.matches(b"=" * 100_000)


ALPHABET = st.text(alphabet="{}[]()$.%\"'\\?-=!<>&|*, abcIS NULLxé日09e+", max_size=60)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(ALPHABET, ALPHABET.map(lambda s: "{ " + s + " }"), ALPHABET.map(lambda s: "[" + s + "]")),
    st.text(max_size=80),
)
def test_nothing_crashes(pattern: str, line: str) -> None:
    """A pattern compiles or is refused; a compiled one answers, the same for a line alone as in a batch."""
    try:
        found = compiled(pattern)
    except PatternError:
        return
    data = line.encode(errors="replace")
    batch = of_stream(1, 0, 0, array("q", [0, 1, 2]), array("I", [3, len(data), 2]), b"abc" + data + b"xy")
    assert (1 in found.select(batch)) == bool(found.matches(data))
    found.extract(data)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(max_size=5),
        ),
        max_size=3,
    ),
    st.sampled_from(["x", "1", "*a", "true", "0.5"]),
)
def test_a_needle_never_hides_a_match(document: dict[str, object], value: str) -> None:
    """The search for bytes that must be there finds whatever the condition itself holds of."""
    import json

    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False)):
        data = text.encode(errors="replace")
        batch = of_stream(1, 0, 0, array("q", [0]), array("I", [len(data)]), data)
        for pattern in (f'{{ $.a = "{value}" }}', f"{{ $.a = {value} || $.b != {value} }}", "{ $.a NOT EXISTS }"):
            found = compiled(pattern)
            assert bool(list(found.select(batch))) == bool(found.matches(data))


@given(st.text(alphabet="ab \t\n\u3000\x1c-]", max_size=40))
def test_fields_are_the_same_with_and_without_quotes_elsewhere(text: str) -> None:
    """Lines without quotes and brackets take a shorter way."""
    assert fields(text) == fields(text + ' "x"')[:-1]
