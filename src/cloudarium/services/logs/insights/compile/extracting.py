"""``parse``, ``json``, ``unnest`` and ``expand``: fields out of other fields.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html, CWL_QuerySyntax-Unnest.html and
CWL_QuerySyntax-Expand.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.services.logs.insights.compile import discovery, sql
from cloudarium.services.logs.insights.compile.regexes import of_glob, translated
from cloudarium.services.logs.insights.compile.sql import Value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

if TYPE_CHECKING:
    from cloudarium.services.logs.insights.compile.pipeline import Pipeline

_PAIR = r'([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)'
_CELL = r',("(?:[^"]|"")*"[^,]*|[^,]*)'


def parse(pipeline: Pipeline, command: tree.Parse) -> None:
    """Groups of an expression as fields."""
    operand = pipeline.computed(Value(sql.text(pipeline.evaluator.value(command.operand)), "text")).sql
    pattern = command.pattern if command.regex else of_glob(command.pattern)
    regex = translated(pattern, command.start, command.end)
    names = list(regex.groups)
    if command.names:
        if len(command.names) != len(names):
            raise QueryFault("there must be a name for each group", command.start, command.end)
        names = list(command.names)
    if not any(names):
        raise QueryFault("parse needs at least one named group", command.start, command.end)
    listed = ", ".join(f"'g{index}'" for index in range(len(names)))
    text = sql.literal(regex.pattern)
    if command.multi:
        matches = f"list_filter(regexp_extract_all({operand}, {text}), lambda match: match <> '')"
        operand = _rows(pipeline, f"CASE WHEN len({matches}) > 0 THEN {matches} ELSE [NULL] END")
    found = pipeline.computed(
        Value(
            f"CASE WHEN regexp_matches({operand}, {text}) THEN regexp_extract({operand}, {text}, [{listed}]) END",
            "text",
        )
    ).sql
    for index, name in enumerate(names):
        if name:
            _named(pipeline, name, pipeline.computed(Value(f"{found}.g{index}", "text")))


def _rows(pipeline: Pipeline, listed: str) -> str:
    """A row for each element of a list; the column of elements."""
    name = pipeline.column()
    pipeline.relation(f"SELECT *, unnest({listed}) AS {name} FROM {pipeline.last}", name)
    return name


def _named(pipeline: Pipeline, name: str, made: Value) -> None:
    pipeline.scope.make(name, made.sql, made.kind)
    pipeline.show(name)


def parse_line(pipeline: Pipeline, command: tree.ParseLine) -> None:
    """Lines of ``key=value`` as a map, or of values between commas as fields.

    Of a key that comes twice the first value counts. Quotes around a value are taken off; within them, those of logfmt
    have a backslash before them and those of CSV are doubled.
    """
    operand = pipeline.computed(Value(sql.text(pipeline.evaluator.value(command.operand)), "text")).sql
    if command.format == "csv":
        cells = pipeline.computed(Value(f"regexp_extract_all(',' || {operand}, {sql.literal(_CELL)}, 1)", "text")).sql
        for place, name in enumerate(command.names, 1):
            cell = f"{cells}[{place}]"
            bare = f'replace(regexp_extract({cell}, \'^"((?:[^"]|"")*)"\', 1), \'""\', \'"\')'
            shown = f"CASE WHEN starts_with({cell}, '\"') THEN {bare} ELSE {cell} END"
            _named(pipeline, name, pipeline.computed(Value(shown, "text")))
        return
    pair = sql.literal(_PAIR)
    keys, values = (f"regexp_extract_all({operand}, {pair}, {group})" for group in (1, 2))
    pairs = pipeline.computed(Value(f"list_zip({keys}, {values})", "text")).sql
    unquoted = "replace(replace(pair[2][2:-2], '\\\\\"', '\"'), '\\\\\\\\', '\\\\')".replace("\\\\", "\\")
    value = f"CASE WHEN starts_with(pair[2], '\"') THEN {unquoted} ELSE pair[2] END"
    member = f"CAST(to_json(pair[1]) AS VARCHAR) || ':' || CAST(to_json({value}) AS VARCHAR)"
    members = f"array_to_string(list_transform({pairs}, lambda pair: {member}), ',')"
    document = f"CASE WHEN len({pairs}) > 0 THEN json('{{' || {members} || '}}') END"
    _named(pipeline, command.names[0], pipeline.computed(Value(document, "json")))


def json(pipeline: Pipeline, command: tree.Json) -> None:
    """A value within a field that is a JSON document."""
    operand = pipeline.evaluator.value(command.operand)
    (path,) = discovery.pointers(command.path)[:1]
    shown = pipeline.computed(Value(sql.text(operand), "text")).sql
    found = f"CASE WHEN json_valid({shown}) THEN json_extract_string({shown}, {sql.literal(path)}) END"
    _named(pipeline, command.name, pipeline.computed(Value(found, "text")))


def unnest(pipeline: Pipeline, command: tree.Unnest) -> None:
    """A row for each element of a list, in a field of its own."""
    operand = pipeline.computed(Value(sql.document(pipeline.evaluator.value(command.operand)), "json")).sql
    _named(pipeline, command.name, Value(_rows(pipeline, _elements(operand)), "json"))


def expand(pipeline: Pipeline, command: tree.Expand) -> None:
    """A row for each element of a field that holds a JSON array; other values stay as they are."""
    shown = pipeline.computed(Value(sql.text(pipeline.evaluator.value(command.operand)), "text")).sql
    document = f"CASE WHEN json_valid({shown}) THEN json({shown}) ELSE to_json({shown}) END"
    made = pipeline.computed(Value(document, "json")).sql
    _named(pipeline, command.operand.name, Value(_rows(pipeline, _elements(made)), "json"))


def _elements(document: str) -> str:
    return f"CASE WHEN json_type({document}) = 'ARRAY' THEN from_json({document}, '[\"JSON\"]') ELSE [{document}] END"
