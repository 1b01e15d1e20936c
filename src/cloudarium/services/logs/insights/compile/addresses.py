"""IP addresses in SQL: DuckDB's own type for them is an extension that would have to be fetched."""

from __future__ import annotations

import ipaddress

from cloudarium.services.logs.insights.compile.sql import literal

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
