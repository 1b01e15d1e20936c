"""Options of the awslogs driver.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html and
https://docs.docker.com/engine/logging/drivers/awslogs/. Regular expressions are RE2's: the driver that AWS uses is
written in Go, whose expressions are RE2's too, so what matches there matches here, in time linear in the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(?:([kKmMgG])i?)?[bB]?", re.ASCII)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_INTERVAL = "awslogs-force-flush-interval-seconds"
_KNOWN = {
    "awslogs-group",
    "awslogs-region",
    "awslogs-stream-prefix",
    "awslogs-stream",
    "awslogs-create-group",
    "awslogs-create-stream",
    "awslogs-datetime-format",
    "awslogs-multiline-pattern",
    _INTERVAL,
    "mode",
    "max-buffer-size",
}
_REFUSED = (
    "awslogs-endpoint",
    "awslogs-credentials-endpoint",
    "awslogs-format",
    "awslogs-max-buffered-events",
    "tag",
)
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")
_DATES = {
    "%a": "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "%A": "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
    "%w": "[0-6]",
    "%d": "(?:0[1-9]|[12][0-9]|3[01])",
    "%b": "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "%B": "(?:January|February|March|April|May|June|July|August|September|October|November|December)",
    "%m": "(?:0[1-9]|1[0-2])",
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%H": "(?:[01][0-9]|2[0-3])",
    "%I": "(?:0[0-9]|1[0-2])",
    "%p": "[AP]M",
    "%M": "[0-5][0-9]",
    "%S": "[0-5][0-9]",
    "%f": r"\d{6}",
    "%z": r"[+-]\d{4}",
    "%Z": "[A-Z]{1,4}T",
    "%j": "(?:[0-2][0-9][0-9]|3[0-5][0-9]|36[0-6])",
    "%L": r"\.\d{3}",
}
"""What each directive of ``awslogs-datetime-format`` stands for, as Docker's documentation lists them."""
_DIRECTIVE = re.compile("%.", re.DOTALL)


def problem_with(given: Mapping[str, str]) -> str | None:
    """What is wrong with the options, or None."""
    for name in given:
        if name in _REFUSED:
            return f"the awslogs option {name} is not implemented in Cloudarium yet"
        if name not in _KNOWN:
            return f"unknown log opt '{name}' for awslogs log driver"
    if not given.get("awslogs-group"):
        return "must specify a value for log opt 'awslogs-group'"
    for name in ("awslogs-create-group", "awslogs-create-stream"):
        if given.get(name, "true") not in (*_TRUE, *_FALSE):
            return f"must specify valid value for log opt '{name}': {given[name]}"
    interval = given.get(_INTERVAL, "5")
    if not (interval.isascii() and interval.isdecimal() and int(interval[:10]) > 0):
        return f"must specify a positive integer for log opt '{_INTERVAL}': {interval}"
    if given.get("mode", "blocking") not in ("blocking", "non-blocking"):
        return f"logger: logging mode not supported: {given['mode']}"
    if "max-buffer-size" in given:
        if given.get("mode") != "non-blocking":
            return "logger: max-buffer-size option is only supported with 'mode=non-blocking'"
        if size(given["max-buffer-size"]) is None:
            return f"invalid size: '{given['max-buffer-size']}'"
    if "awslogs-datetime-format" in given and "awslogs-multiline-pattern" in given:
        return "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time"
    try:
        starts_event(given)
    except ValueError as error:
        return f"awslogs could not parse multiline pattern: {error}"
    return None


def is_true(text: str | None) -> bool:
    """A boolean option, as Go reads them."""
    return text in _TRUE


def size(text: str) -> int | None:
    """Bytes of a size as Docker reads it (``10m``, ``1.5 GiB``: powers of 1024), or None."""
    found = _SIZE.fullmatch(text)
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()]) if found else None


def hold(given: Mapping[str, str]) -> float:
    """Seconds that an event waits for further lines."""
    return float(given.get(_INTERVAL, "5")[:10])


def date_expression(layout: str) -> str:
    """The regular expression that ``awslogs-datetime-format`` means; what is not a directive is expression already."""
    return _DIRECTIVE.sub(lambda found: _DATES.get(found.group(), ""), layout)


def starts_event(given: Mapping[str, str]) -> Callable[[str], bool] | None:
    """Whether a line begins an event; None when every line is one. Raises ``ValueError`` for a bad expression."""
    if layout := given.get("awslogs-datetime-format"):
        expression = date_expression(layout)
    elif not (expression := given.get("awslogs-multiline-pattern", "")):
        return None
    import re2

    settings = re2.Options()
    settings.log_errors = False
    try:
        found: Any = re2.compile(expression, settings).search
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error
    return lambda line: found(line) is not None
