"""Answering one DNS query: bytes in, bytes out. No sockets, no state.

What costs little is refused before anything is parsed. Names are looked up through an injected resolver; aliases
(CNAME) are followed here, and what does not exist carries the SOA that lets clients remember so (RFC 2308).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

Resolver = Callable[[str, str, str], "list[str] | None"]
"""(vpc id, name in lower case without the last dot, record type) to record values in zone file notation (an empty
list: the name has no such records), or None: there is no such name."""

_HEADER = struct.Struct("!6H")
_QR, _OPCODE, _TC, _AA, _RD, _RA = 0x8000, 0x7800, 0x0200, 0x0400, 0x0100, 0x0080
_FORMERR, _SERVFAIL, _NXDOMAIN, _NOTIMP, _REFUSED = 1, 2, 3, 4, 5
_IN, _CNAME, _OPT = 1, 5, 41
_TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 257: "CAA"}
_TRANSFERS_AND_META = frozenset({251, 252, 253, 254, 255})
"""IXFR, AXFR, MAILB, MAILA, ANY: refused (RFC 8482 for ANY)."""
_LONGEST_CHAIN = 8
_TTL, _NEGATIVE_TTL = 60, 5
_PLAIN_UDP, _LARGEST_UDP = 512, 1232
MAX_QUERY = 4096


def answer(query: bytes, vpc_id: str, domain: str, resolver: Resolver, *, udp: bool) -> bytes | None:
    """The response to `query`; None where none is due (responses, fragments of a header)."""
    if len(query) < _HEADER.size:
        return None
    ident, flags, questions, answers, authorities, _ = _HEADER.unpack_from(query)
    if flags & _QR:
        return None
    if flags & _OPCODE:
        return _bare(ident, flags, _NOTIMP)
    if questions != 1 or answers or authorities or len(query) > MAX_QUERY:
        return _bare(ident, flags, _FORMERR)
    import dnslib

    try:
        parsed = dnslib.DNSRecord.parse(query)
        question = parsed.q
        name = str(question.qname).rstrip(".").lower()
    except (dnslib.DNSError, ValueError, struct.error, IndexError):
        return _bare(ident, flags, _FORMERR)
    reply = dnslib.DNSRecord(dnslib.DNSHeader(id=ident, qr=1, ra=1, rd=bool(flags & _RD)), q=question)
    limit = _udp_limit(parsed) if udp else 65535
    if any(record.rtype == _OPT for record in parsed.ar):
        reply.add_ar(dnslib.EDNS0(udp_len=_LARGEST_UDP))
    if question.qclass != _IN or question.qtype in _TRANSFERS_AND_META:
        reply.header.rcode = _REFUSED
    else:
        try:
            _fill(reply, name, question.qtype, vpc_id, domain, resolver)
        except Exception:
            # Whatever the resolver or the encoding of its answer did, the client is owed an answer.
            return _bare(ident, flags, _SERVFAIL)
    packed = bytes(reply.pack())
    if len(packed) > limit:
        truncated = reply.truncate()
        truncated.questions = [question]
        packed = bytes(truncated.pack())
    return packed


def _bare(ident: int, flags: int, rcode: int) -> bytes:
    return _HEADER.pack(ident, _QR | flags & (_OPCODE | _RD) | _RA | rcode, 0, 0, 0, 0)


def _udp_limit(query: Any) -> int:
    for record in query.ar:
        if record.rtype == _OPT:
            return max(_PLAIN_UDP, min(int(record.rclass), _LARGEST_UDP))
    return _PLAIN_UDP


def _fill(reply: Any, name: str, qtype: int, vpc_id: str, domain: str, resolver: Resolver) -> None:
    """Put in the records of `name`, following aliases, or what says that there are none."""
    wanted = _TYPES.get(qtype, f"TYPE{qtype}")
    for _ in range(_LONGEST_CHAIN):
        values = resolver(vpc_id, name, wanted)
        if values:
            for value in values:
                reply.add_answer(_record(name, wanted, value))
            return
        if values is None:
            reply.header.rcode = _NXDOMAIN
            break
        alias = resolver(vpc_id, name, "CNAME") if qtype != _CNAME else None
        if not alias:
            break
        reply.add_answer(_record(name, "CNAME", alias[0]))
        name = alias[0].rstrip(".").lower()
    reply.add_auth(_soa(domain))


def _record(name: str, kind: str, value: str) -> Any:
    import dnslib

    if kind == "TXT":
        data = value.encode()
        parts = [data[start : start + 255] for start in range(0, len(data), 255)] or [b""]
        return dnslib.RR(name, dnslib.QTYPE.TXT, rdata=dnslib.TXT(parts), ttl=_TTL)
    if kind in ("A", "AAAA", "CNAME", "PTR", "NS"):
        # Not through the zone parser: these are nearly all there is, and it is ten times slower.
        return dnslib.RR(name, getattr(dnslib.QTYPE, kind), rdata=getattr(dnslib, kind)(value), ttl=_TTL)
    return dnslib.RR.fromZone(f"{name}. {_TTL} IN {kind} {value}")[0]


def _soa(domain: str) -> Any:
    import dnslib

    times = (1, 7200, 900, 1209600, _NEGATIVE_TTL)
    data = dnslib.SOA(f"ns.{domain}", f"hostmaster.{domain}", times)
    return dnslib.RR(domain, dnslib.QTYPE.SOA, rdata=data, ttl=_NEGATIVE_TTL)
