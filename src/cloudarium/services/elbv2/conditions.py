"""Conditions of a rule: checked against AWS's rules, kept in the shape in which the API shows them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cloudarium.services.elbv2.errors import invalid
from cloudarium.services.elbv2.patterns import regex, wildcards
from cloudarium.services.elbv2.quotas import CONDITION_VALUES_PER_RULE, WILDCARDS_PER_RULE

_ONCE = ("host-header", "http-request-method", "path-pattern", "source-ip")

_HOST = re.compile(r"[A-Za-z0-9.*?_\-]+")
_PATH = re.compile(r"""[A-Za-z0-9_\-.$/~"'@:+&*?=%,;!()#\[\]{}| ]+""")
_METHOD = re.compile(r"[A-Z_\-]+")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def parse(conditions: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The request's conditions, checked and completed; ``Values`` and the ``…Config`` member both filled in."""
    if not conditions:
        raise invalid("A condition must be specified")
    parsed = tuple(_parse_one(condition) for condition in conditions)
    for field in _ONCE:
        if sum(condition["Field"] == field for condition in parsed) > 1:
            raise invalid(f"A rule can only have one '{field}' condition")
    values = [value for condition in parsed for value in _all_values(condition)]
    expressions = [value for condition in parsed for value in condition.get("RegexValues", ())]
    if len(values) + len(expressions) > CONDITION_VALUES_PER_RULE:
        raise invalid(f"A rule can only have '{CONDITION_VALUES_PER_RULE}' condition values")
    if sum(wildcards(value) for value in values) > WILDCARDS_PER_RULE:
        raise invalid(f"The rule contains too many wildcards; the limit is '{WILDCARDS_PER_RULE}'")
    return parsed


def _parse_one(condition: Mapping[str, Any]) -> dict[str, Any]:
    field = condition.get("Field")
    if field is None:
        raise invalid("A condition field must be specified")
    parser = _PARSERS.get(field)
    if parser is None:
        raise invalid(f"Condition field '{field}' must be one of '[{','.join(_PARSERS)}]'")
    if "Values" in condition and field not in ("host-header", "path-pattern"):
        raise invalid(f"The 'Values' field is not compatible with '{field}'")
    if "RegexValues" in condition and field not in ("host-header", "path-pattern", "http-header"):
        raise invalid(f"The 'RegexValues' field is not compatible with '{field}'")
    for member, owner in _CONFIGS.items():
        if member in condition and owner != field:
            raise invalid(f"The '{member}' field is not compatible with '{field}'")
    return {"Field": field, **parser(condition)}


def _host(condition: Mapping[str, Any]) -> dict[str, Any]:
    return _pattern(condition, "host-header", "HostHeaderConfig", _host_value)


def _path(condition: Mapping[str, Any]) -> dict[str, Any]:
    return _pattern(condition, "path-pattern", "PathPatternConfig", _path_value)


def _pattern(condition: Mapping[str, Any], field: str, member: str, check: Callable[[str], None]) -> dict[str, Any]:
    config = condition.get(member)
    if config is not None and ("Values" in condition or "RegexValues" in condition):
        raise invalid(f"You cannot provide both Values and '{member}' for a condition of type '{field}'")
    source = condition if config is None else config
    values, expressions = list(source.get("Values", ())), list(source.get("RegexValues", ()))
    _exactly_one(field, values, expressions)
    if config is None and len(values) > 1:
        raise invalid(f"The '{field}' field contains too many values; the limit is '1'")
    for value in values:
        _length(f"'{field}'", value, 128)
        check(value)
    _check_regex(field, expressions)
    if expressions:
        return {"RegexValues": expressions, member: {"RegexValues": expressions}}
    return {"Values": values, member: {"Values": values}}


def _host_value(value: str) -> None:
    if not _HOST.fullmatch(value):
        raise invalid(f"The 'host-header' value '{value}' contains a character that is not valid")


def _path_value(value: str) -> None:
    if not value.startswith(("/", "*", "?")):
        raise invalid(f"The path pattern '{value}' must begin with '/'")
    if not _PATH.fullmatch(value):
        raise invalid(f"The path pattern '{value}' contains a character that is not valid")


def _header(condition: Mapping[str, Any]) -> dict[str, Any]:
    config = _config(condition, "http-header", "HttpHeaderConfig")
    name = config.get("HttpHeaderName", "")
    _length("'HttpHeaderName'", name, 40)
    if not _TOKEN.fullmatch(name):
        raise invalid(f"The HTTP header name '{name}' is not valid")
    if name.lower() == "host":
        raise invalid("The 'Host' header cannot be used in an 'http-header' condition; use 'host-header' instead")
    values = list(config.get("Values", ()))
    expressions = [*config.get("RegexValues", ()), *condition.get("RegexValues", ())]
    _exactly_one("http-header", values, expressions)
    for value in values:
        _length("'http-header'", value, 128)
    _check_regex("http-header", expressions)
    kept: dict[str, Any] = {"HttpHeaderName": name}
    kept["RegexValues" if expressions else "Values"] = expressions or values
    return {"HttpHeaderConfig": kept, **({"RegexValues": expressions} if expressions else {})}


def _method(condition: Mapping[str, Any]) -> dict[str, Any]:
    values = list(_config(condition, "http-request-method", "HttpRequestMethodConfig").get("Values", ()))
    _some("http-request-method", values)
    for value in values:
        _length("'http-request-method'", value, 40)
        if not _METHOD.fullmatch(value):
            raise invalid(
                "The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore"
            )
    return {"HttpRequestMethodConfig": {"Values": values}}


def _query(condition: Mapping[str, Any]) -> dict[str, Any]:
    pairs = list(_config(condition, "query-string", "QueryStringConfig").get("Values", ()))
    _some("query-string", pairs)
    for pair in pairs:
        if "Value" not in pair:
            raise invalid("A 'Value' must be specified in 'QueryStringKeyValuePair'")
        _length("'Key'", pair.get("Key", ""), 128)
        _length("'Value'", pair["Value"], 128)
    return {"QueryStringConfig": {"Values": [dict(pair) for pair in pairs]}}


def _source(condition: Mapping[str, Any]) -> dict[str, Any]:
    config = _config(condition, "source-ip", "SourceIpConfig")
    if "IpAddressType" in config:
        raise invalid("The 'IpAddressType' field is not compatible with application load balancers")
    values = list(config.get("Values", ()))
    if not values:
        raise invalid("A 'source-ip' value must be specified")
    for value in values:
        try:
            if "/" not in value:
                raise ValueError(value)
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise invalid(f"The source IP '{value}' is not a valid CIDR block") from None
    return {"SourceIpConfig": {"Values": values}}


_PARSERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "path-pattern": _path,
    "host-header": _host,
    "http-header": _header,
    "http-request-method": _method,
    "query-string": _query,
    "source-ip": _source,
}
_CONFIGS = {
    "PathPatternConfig": "path-pattern",
    "HostHeaderConfig": "host-header",
    "HttpHeaderConfig": "http-header",
    "HttpRequestMethodConfig": "http-request-method",
    "QueryStringConfig": "query-string",
    "SourceIpConfig": "source-ip",
}


def _config(condition: Mapping[str, Any], field: str, member: str) -> Mapping[str, Any]:
    config: Mapping[str, Any] | None = condition.get(member)
    if config is None:
        raise invalid(f"A '{member}' must be specified with '{field}'")
    return config


def _some(field: str, values: Sequence[Any]) -> None:
    if not values or any(value == "" for value in values):
        raise invalid("A condition value must be specified")


def _exactly_one(field: str, values: Sequence[str], expressions: Sequence[str]) -> None:
    if values and expressions:
        raise invalid(f"You cannot provide both Values and RegexValues for a condition of type '{field}'")
    _some(field, [*values, *expressions])


def _check_regex(field: str, expressions: Iterable[str]) -> None:
    for expression in expressions:
        _length(f"'{field}'", expression, 128)
        try:
            regex(expression)
        except ValueError as error:
            raise invalid(f"The regular expression '{expression}' is not valid: {error}") from None


def _length(what: str, value: str, limit: int) -> None:
    if len(value) > limit:
        raise invalid(f"The {what} value is too long; the limit is '{limit}'")


def _all_values(condition: Mapping[str, Any]) -> list[str]:
    """The values that are not regular expressions: only in these are ``*`` and ``?`` wildcards."""
    for member in _CONFIGS:
        if (config := condition.get(member)) is not None:
            found = config.get("Values", ())
            return [v if isinstance(v, str) else v.get("Value", "") + v.get("Key", "") for v in found]
    return []
