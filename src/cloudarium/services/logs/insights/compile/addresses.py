"""IP addresses in SQL: DuckDB's own type for them is an extension that would have to be fetched.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html#CWL_QuerySyntax-IPaddress-functions
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.makers import Function, Functions, literally
from cloudarium.services.logs.insights.compile.sql import Value, literal, value
from cloudarium.services.logs.insights.language.lexer import QueryFault

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = literal(rf"({_OCTET}\.){{3}}{_OCTET}")
_GROUP = "[0-9A-Fa-f]{1,4}"
_SOME = f"({_GROUP}(:{_GROUP})*)?"
_WHOLE = literal(f"({_GROUP}:){{7}}{_GROUP}")
_SHORT = literal(f"{_SOME}::{_SOME}")


def is_v4(text: str) -> str:
    """Whether an SQL text is an IPv4 address."""
    return f"COALESCE(regexp_full_match({text}, {_V4}), false)"


def is_v6(text: str) -> str:
    """Whether an SQL text is an IPv6 address (without an IPv4 address in it)."""
    groups = f"len(list_filter(string_split({text}, ':'), lambda part: part <> ''))"
    short = f"(regexp_full_match({text}, {_SHORT}) AND {groups} <= 7)"
    return f"COALESCE(regexp_full_match({text}, {_WHOLE}) OR {short}, false)"


def within(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    """Whether an SQL text is an address of a network."""
    if isinstance(network, ipaddress.IPv4Network):
        inside = f"({_bits_v4(text)} & {int(network.netmask)}) = {int(network.network_address)}"
        return f"(CASE WHEN {is_v4(text)} THEN {inside} ELSE false END)"
    whole, rest = divmod(network.prefixlen, 4)
    digits = f"{int(network.network_address):032x}"
    inside = f"starts_with({_digits_v6(text)}, {literal(digits[:whole])})"
    if rest:
        first = int(digits[whole], 16) & (0xF << (4 - rest))
        allowed = ", ".join(literal(f"{first + offset:x}") for offset in range(1 << (4 - rest)))
        inside += f" AND {_digits_v6(text)}[{whole + 1}] IN ({allowed})"
    return f"(CASE WHEN {is_v6(text)} THEN {inside} ELSE false END)"


def key(text: str) -> str:
    """An SQL text in which addresses of one family are in order: ``4`` or ``6``, then hexadecimal digits."""
    v4, v6 = f"'4' || printf('%08x', {_bits_v4(text)})", f"'6' || {_digits_v6(text)}"
    return f"(CASE WHEN {is_v4(text)} THEN {v4} WHEN {is_v6(text)} THEN {v6} END)"


def range_of(network: str) -> tuple[str, str, int] | None:
    """The keys of a network's first and last address, and the length of its prefix; None for what is no network."""
    try:
        found = ipaddress.ip_network(network.strip(), strict=False)
    except ValueError:
        return None
    digits = found.max_prefixlen // 4
    low, high = (f"{found.version}{int(each):0{digits}x}" for each in (found[0], found[-1]))
    return low, high, found.prefixlen


def _bits_v4(text: str) -> str:
    octets = " + ".join(f"CAST(part[{place}] AS BIGINT) * {1 << shift}" for place, shift in _PLACES)
    return f"list_transform([string_split({text}, '.')], lambda part: {octets})[1]"


_PLACES = ((1, 24), (2, 16), (3, 8), (4, 0))


def _digits_v6(text: str) -> str:
    """All 32 hexadecimal digits."""
    filled = (
        "list_concat(list_concat(halves[1], list_resize(CAST([] AS VARCHAR[]), "
        "CAST(8 - len(halves[1]) - len(COALESCE(halves[2], CAST([] AS VARCHAR[]))) AS BIGINT), '0')), "
        "COALESCE(halves[2], CAST([] AS VARCHAR[])))"
    )
    halves = (
        f"list_transform(string_split(lower({text}), '::'), lambda half: "
        "CASE WHEN half = '' THEN CAST([] AS VARCHAR[]) ELSE string_split(half, ':') END)"
    )
    padded = f"array_to_string(list_transform({filled}, lambda part: lpad(part, 4, '0')), '')"
    return f"list_transform([{halves}], lambda halves: {padded})[1]"


# -- functions ---------------------------------------------------------------------------------------------------------

_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""RFC 1918."""
_RESERVED = (
    "0.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "::/127", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8",
)  # fmt: skip
"""What IANA keeps for special purposes, without RFC 1918's; AWS does not list its ranges."""


def _subnet(versions: tuple[int, ...]) -> Function:
    def made(given: Sequence[Value]) -> Value:
        written = literally(given[1], "A subnet")
        try:
            network = ipaddress.ip_network(written, strict=False)
        except ValueError as error:
            raise QueryFault(f"invalid subnet: {written[:60]}", 0, 0) from error
        if network.version not in versions:
            raise QueryFault(f"invalid subnet: {written[:60]}", 0, 0)
        return value(sql.once(sql.scalar(given[0]), lambda it: within(it, network)), "bool")

    return made


def _valid(*tests: Callable[[str], str]) -> Function:
    def made(it: str) -> str:
        return "(" + " OR ".join(test(it) for test in tests) + ")"

    return lambda given: value(sql.once(sql.scalar(given[0]), made), "bool")


def _to_number(given: Sequence[Value]) -> Value:
    made = sql.once(sql.scalar(given[0]), lambda it: f"(CASE WHEN {is_v4(it)} THEN CAST({_bits_v4(it)} AS DOUBLE) END)")
    return value(made, "number")


def _among(text: str, networks: Sequence[str]) -> str:
    """Whether an SQL text is an address of one of several networks."""
    keys = [range_of(each) for each in networks]
    tests = " OR ".join(f"place BETWEEN '{found[0]}' AND '{found[1]}'" for found in keys if found is not None)
    return f"COALESCE(list_transform([{key(text)}], lambda place: {tests})[1], false)"


def _ranged(*networks: str) -> Function:
    return lambda given: value(sql.once(sql.scalar(given[0]), lambda it: _among(it, networks)), "bool")


def _public(given: Sequence[Value]) -> Value:
    made = sql.once(
        sql.scalar(given[0]),
        lambda it: f"(({is_v4(it)} OR {is_v6(it)}) AND NOT {_among(it, (*_PRIVATE, *_RESERVED))})",
    )
    return value(made, "bool")


FUNCTIONS: Functions = {
    "isvalidip": (1, 1, _valid(is_v4, is_v6)),
    "isvalidipv4": (1, 1, _valid(is_v4)),
    "isvalidipv6": (1, 1, _valid(is_v6)),
    "isipinsubnet": (2, 2, _subnet((4, 6))),
    "isipv4insubnet": (2, 2, _subnet((4,))),
    "isipv6insubnet": (2, 2, _subnet((6,))),
    "ipv4tonumber": (1, 1, _to_number),
    "isprivateip": (1, 1, _ranged(*_PRIVATE)),
    "ispublicip": (1, 1, _public),
    "isreservedip": (1, 1, _ranged(*_RESERVED)),
}
