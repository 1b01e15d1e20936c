"""Finding the rule for a request: all rules of a listener compiled into one immutable matcher.

Rules are numbered by priority, and each condition is a set of rules it lets pass: a bit mask. What host, path and
method let pass is intersected, which settles nearly everything; then the few candidates left are asked about headers,
query and source address, lowest number first. So a hundred rules cost hardly more than one.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import unquote_plus

from cloudarium.services.elbv2.node.pattern_index import PatternIndex
from cloudarium.services.elbv2.patterns import Regex, expression_within, regex

_REMEMBERED = 4096
_REMEMBERED_LENGTH = 512

_Key = bytes | tuple[bytes, bytes]
"""The path, with the host where any rule asks for it."""


class Fields(Protocol):
    """The request's header fields, as far as conditions look at them."""

    def get_all(self, lower_name: bytes) -> list[bytes]:
        """Every value under a lower-case name."""


class Request(Protocol):
    """What of a request conditions look at; the HTTP engine's ``Exchange`` is one."""

    method: bytes
    target: bytes

    @property
    def host(self) -> bytes:
        """The Host field with its port."""

    @property
    def headers(self) -> Fields:
        """The header fields."""

    @property
    def connection(self) -> Any:
        """Has ``client_address``."""


Test = Callable[[Request], bool]


class RuleMatcher:
    """The rules of a listener, in order of priority; the default rule is the last and has no conditions."""

    __slots__ = (
        "_any_host",
        "_any_method",
        "_any_path",
        "_by_host",
        "_count",
        "_hosts",
        "_methods",
        "_path_decides",
        "_paths",
        "_remembered",
        "_tests",
        "settled",
    )

    def __init__(self, rules: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        """``rules`` are each rule's conditions as the API has them, without the default rule."""
        self._count = len(rules)
        hosts, paths = (
            _Column("host-header", "HostHeaderConfig", lower=True),
            _Column("path-pattern", "PathPatternConfig"),
        )
        self._methods: dict[bytes, int] = {}
        self._any_method = 0
        self._tests: list[tuple[Test, ...]] = []
        for number, conditions in enumerate(rules):
            bit = 1 << number
            hosts.add(conditions, bit)
            paths.add(conditions, bit)
            self._add_method(conditions, bit)
            self._tests.append(tuple(_tests(conditions)))
        self._hosts, self._any_host = hosts.index(), hosts.unconditional
        self._paths, self._any_path = paths.index(), paths.unconditional
        self._by_host = self._any_host != (1 << len(rules)) - 1
        self._remembered: dict[_Key, int] = {}
        self._path_decides = not (self._by_host or self._methods or any(self._tests))
        self.settled: dict[bytes, int] = {}
        """By request target, what ``match`` found for it, where nothing else of a request can matter."""

    def _add_method(self, conditions: Sequence[Mapping[str, Any]], bit: int) -> None:
        values = [c["HttpRequestMethodConfig"]["Values"] for c in conditions if c["Field"] == "http-request-method"]
        if not values:
            self._any_method |= bit
        for value in values[0] if values else ():
            self._methods[value.encode()] = self._methods.get(value.encode(), 0) | bit

    def match(self, request: Request) -> int:
        """The number of the first rule whose conditions are met; the number of rules when it is the default one."""
        count = self._count
        if count == 0:
            return 0
        path = request.target
        if b"?" in path:
            path = path.partition(b"?")[0]
        key = (request.host, path) if self._by_host else path
        candidates = self._remembered.get(key)
        if candidates is None:
            candidates = self._candidates(request.host, path, key)
        if self._methods:
            candidates &= self._any_method | self._methods.get(request.method, 0)
        while candidates:
            lowest = candidates & -candidates
            number = lowest.bit_length() - 1
            for test in self._tests[number]:
                if not test(request):
                    break
            else:
                return number
            candidates ^= lowest
        return count

    def _candidates(self, host: bytes, path: bytes, key: _Key) -> int:
        by_host = self._any_host | self._hosts.match(host_name(host)) if self._by_host else self._any_host
        candidates = by_host and by_host & (self._any_path | self._paths.match(path.decode("latin-1")))
        if len(host) + len(path) <= _REMEMBERED_LENGTH:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
                self.settled.clear()
            self._remembered[key] = candidates
            if self._path_decides:
                self.settled[path] = (candidates & -candidates).bit_length() - 1 if candidates else self._count
        return candidates


def host_name(host: bytes) -> str:
    """A Host field in lower case without its port."""
    name = host.decode("latin-1").lower()
    if name.endswith("]") or ":" not in name:
        return name
    return name.rpartition(":")[0]


class _Column:
    """The values of one field's conditions over all rules."""

    def __init__(self, field: str, member: str, *, lower: bool = False) -> None:
        self._field, self._member, self._lower = field, member, lower
        self._patterns: list[tuple[str, int]] = []
        self._regexes: list[tuple[Regex, int]] = []
        self.unconditional = 0

    def add(self, conditions: Iterable[Mapping[str, Any]], bit: int) -> None:
        config = next((c[self._member] for c in conditions if c["Field"] == self._field), None)
        if config is None:
            self.unconditional |= bit
            return
        self._patterns += [(v.lower() if self._lower else v, bit) for v in config.get("Values", ())]
        self._regexes += [(regex(v, ignore_case=self._lower), bit) for v in config.get("RegexValues", ())]

    def index(self) -> PatternIndex:
        return PatternIndex(self._patterns, self._regexes)


def _tests(conditions: Iterable[Mapping[str, Any]]) -> Iterable[Test]:
    """The conditions that are asked one by one, cheapest first."""
    for condition in conditions:
        if condition["Field"] == "source-ip":
            yield _source_test(condition["SourceIpConfig"]["Values"])
    for condition in conditions:
        if condition["Field"] == "http-header":
            yield _header_test(condition["HttpHeaderConfig"])
        elif condition["Field"] == "query-string":
            yield _query_test(condition["QueryStringConfig"]["Values"])


def _source_test(cidrs: Sequence[str]) -> Test:
    networks = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    known: dict[str, bool] = {}

    def test(request: Request) -> bool:
        source: str = request.connection.client_address
        verdict = known.get(source)
        if verdict is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            address = ipaddress.ip_address(source.partition("%")[0])
            verdict = known[source] = any(address in network for network in networks)
        return verdict

    return test


def _header_test(config: Mapping[str, Any]) -> Test:
    name = config["HttpHeaderName"].lower().encode()
    searches: list[Callable[[str], object]] = []
    if values := config.get("Values"):
        wanted = "|".join(expression_within(value, ".") for value in values)
        searches.append(regex(f"^(?:{wanted})$", ignore_case=True, lines=True).search)
    searches += [regex(value, lines=True).search for value in config.get("RegexValues", ())]

    def test(request: Request) -> bool:
        found = request.headers.get_all(name)
        if not found:
            return False
        text = b"\n".join(found).decode("latin-1")
        return any(search(text) is not None for search in searches)

    return test


def _query_test(pairs: Sequence[Mapping[str, str]]) -> Test:
    wanted = []
    for pair in pairs:
        value = expression_within(pair["Value"], _IN_LINE)
        key = expression_within(pair["Key"], _IN_LINE) + _EQUALS if pair.get("Key") else _ANY_KEY
        wanted.append(key + value)
    search = regex(f"^(?:{'|'.join(wanted)})$", ignore_case=True, lines=True).search

    def test(request: Request) -> bool:
        return b"?" in request.target and search(_query_lines(request.target)) is not None

    return test


_EQUALS, _BARE = "\x1e", "\x1d"
_IN_LINE = r"[^\n\x1d\x1e]"
_ANY_KEY = f"(?:{_IN_LINE}*{_EQUALS}|{_BARE})"
_CONTROL = re.compile(r"[\x00-\x1f]")


@lru_cache(maxsize=8)
def _query_lines(target: bytes) -> str:
    """A query's parameters, a line each, so that one search answers a condition however many there are.

    A name stands before ``_EQUALS`` and its value, each as sent and with its percent encoding undone; what has no
    equals sign also stands after ``_BARE``, as a value without a name. Control characters are not seen, as documented.
    """
    lines: list[str] = []
    query = target.partition(b"?")[2].decode("latin-1")
    for part in dict.fromkeys(query.split("&")) if query else ():
        name, equals, value = part.partition("=")
        names = _readings(name)
        lines += [f"{each}{_EQUALS}{reading}" for each in names for reading in _readings(value)]
        if not equals:
            lines += [_BARE + each for each in names]
    return "\n".join(lines)


def _readings(text: str) -> tuple[str, ...]:
    """A text as sent and, where that is another, with its percent encoding undone."""
    if text.isprintable() and "%" not in text and "+" not in text:
        return (text,)
    return tuple({_CONTROL.sub("\x7f", each) for each in (text, unquote_plus(text, errors="replace"))})
