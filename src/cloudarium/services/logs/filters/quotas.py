"""Patterns of filters that stay: compiled, and within what a log group may have."""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.services.logs.errors import invalid, too_many
from cloudarium.services.logs.patterns import Pattern, PatternError, compiled
from cloudarium.services.logs.resources import LogGroup, MetricFilter, SubscriptionFilter

MOST_WITH_REGEX = 5
"""Filter patterns with regular expressions of one log group."""


def checked_pattern(text: str) -> Pattern:
    """A compiled pattern; raises InvalidParameterException."""
    try:
        return compiled(text)
    except PatternError as error:
        raise invalid(str(error)) from error


def check_regexes(ctx: Context, group: LogGroup, key: str, pattern: Pattern) -> None:
    """Refuse one more pattern with a regular expression than a group may have; ``key`` is the filter's own."""
    if not pattern.regexes:
        return
    filters: list[MetricFilter | SubscriptionFilter] = [
        *ctx.table(MetricFilter).find(ctx.scope, "group", group.uid),
        *ctx.table(SubscriptionFilter).find(ctx.scope, "group", group.uid),
    ]
    others = sum(each.key != key and compiled(each.pattern).regexes > 0 for each in filters)
    if others >= MOST_WITH_REGEX:
        raise too_many(f"A log group may have at most {MOST_WITH_REGEX} filter patterns with regular expressions.")
