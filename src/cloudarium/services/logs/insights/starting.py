"""What StartQuery makes of its parameters."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.logs.errors import invalid, not_found
from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.compile.nesting import narrowed
from cloudarium.services.logs.insights.language import QueryFault, parse
from cloudarium.services.logs.insights.language.tree import Query, Source
from cloudarium.services.logs.insights.lookups import check
from cloudarium.services.logs.insights.records import QueryRun
from cloudarium.services.logs.lookup import group_identified
from cloudarium.services.logs.resources import DELIVERY, INFREQUENT, STANDARD, LogGroup
from cloudarium.services.logs.tagging import tagged

MOST_GROUPS = 50
MOST_SELECTED = 10_000
_GROUPS = ("logGroupName", "logGroupNames", "logGroupIdentifiers")
_STANDARD_ONLY = frozenset({"anomaly", "diff", "filterindex", "logcompare", "pattern"})


def prepared(ctx: Context, request: Mapping[str, Any], identifier: str) -> QueryRun:
    """A query that can be run. Raises MalformedQueryException for one that cannot."""
    language = request.get("queryLanguage") or "CWLI"
    if language != "CWLI":
        raise NotThere(f"The query language {language} of CloudWatch Logs Insights")
    if importlib.util.find_spec("duckdb") is None:
        # Not looked for in any other way: importing takes a moment, which the thread of the query has.
        from cloudarium.services.logs.insights.execution import engine

        engine()
    start, end = request["startTime"], request["endTime"]
    if start > end:
        raise invalid("End time should not be less than start time.")
    now, text = ctx.clock.now(), request["queryString"]
    try:
        query = parse(text)
        # The second that was given is included.
        window = narrowed(query.source, now, (start * 1000, end * 1000 + 999))
        plan = compiled(query, now, request.get("limit"), window)
        check(ctx, plan.lookups)
    except QueryFault as fault:
        raise malformed(fault) from fault
    groups = _selected(ctx, request, query.source)
    _check_classes(groups, query, plan.raw)
    nested = []
    for each in plan.inputs:
        source = each.query.source
        nested.append(_of_query(ctx, source) if source is not None else groups)
        _check_classes(nested[-1], each.query, each.raw)
    named = {group.uid for listed in (groups, *nested) for group in listed}
    if nested and len(named) > MOST_GROUPS and not (query.source is not None and query.source.selected):
        raise invalid(f"A query may have at most {MOST_GROUPS} log groups.")
    return QueryRun(
        id=identifier,
        text=text,
        groups=tuple(group.uid for group in groups),
        names=tuple(group.name for group in groups),
        nested=tuple(tuple(group.uid for group in listed) for listed in nested),
        start=window[0],
        end=window[1],
        limit=request.get("limit"),
        status="Scheduled",
        created=int(now * 1000),
        user=ctx.principal.arn,
    )


def malformed(fault: QueryFault) -> AwsError:
    """A query's fault as the API tells it, with the place in characters."""
    location = {"startCharOffset": fault.start, "endCharOffset": fault.end}
    error = {"location": location, "message": fault.message}
    return AwsError("MalformedQueryException", fault.message, 400, members={"queryCompileError": error})


def _selected(ctx: Context, request: Mapping[str, Any], source: Source | None) -> list[LogGroup]:
    given = [name for name in _GROUPS if request.get(name)]
    if len(given) + (source is not None) != 1:
        raise invalid(
            "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified, "
            "or the query must have a SOURCE command."
        )
    if source is not None:
        return _of_query(ctx, source)
    return _named(ctx, request[given[0]])


def _of_query(ctx: Context, source: Source) -> list[LogGroup]:
    """The groups of a SOURCE."""
    return _of_source(ctx, source) if source.selected else _named(ctx, list(source.names))


def _named(ctx: Context, named: str | list[str]) -> list[LogGroup]:
    names = list(dict.fromkeys([named] if isinstance(named, str) else named))
    if len(names) > MOST_GROUPS:
        raise invalid(f"A query may have at most {MOST_GROUPS} log groups.")
    found = []
    for name in names:
        try:
            found.append(group_identified(ctx, name))
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            raise not_found(f"Log group '{name}' does not exist for account ID '{ctx.account}'") from error
    return found


def _of_source(ctx: Context, source: Source) -> list[LogGroup]:
    classes = source.classes or (STANDARD,)
    if source.accounts and ctx.account not in source.accounts:
        return []
    found = [
        group
        for group in ctx.table(LogGroup).all(ctx.scope)
        if group.log_class in classes
        and (not source.prefixes or group.name.startswith(source.prefixes))
        and all(tagged(group.tags, each.key, each.values) for each in source.tags)
    ]
    if len(found) > MOST_SELECTED:
        raise invalid(f"SOURCE selects more than {MOST_SELECTED} log groups: choose fewer.")
    return sorted(found, key=lambda group: group.name)


def _check_classes(groups: list[LogGroup], query: Query, unmasks: bool) -> None:
    classes = {group.log_class for group in groups}
    if DELIVERY in classes:
        raise invalid("Log groups of the class DELIVERY cannot be queried.")
    if INFREQUENT not in classes:
        return
    for command in query.commands:
        name = query.text[command.start : command.end].split(None, 1)[0]
        if name.lower() in _STANDARD_ONLY or unmasks:
            shown = "unmask" if unmasks else name
            raise invalid(f"{shown} is not supported for log groups of the class {INFREQUENT}.")
