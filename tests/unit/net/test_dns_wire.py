"""Answers to DNS queries, right and wrong ones."""

from __future__ import annotations

import struct

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.substrate.net import dns_wire

NAMES: dict[str, dict[str, list[str]]] = {
    "web.internal": {
        "A": ["10.0.0.1", "10.0.0.2"],
        "AAAA": ["fd00::1"],
        "TXT": ["a b", "x" * 300],
        "MX": ["10 mail.internal."],
    },
    "alias.internal": {"CNAME": ["web.internal"]},
    "loop.internal": {"CNAME": ["loop.internal"]},
    "broken.internal": {"A": ["not an address"]},
    "many.internal": {"A": [f"10.9.0.{n}" for n in range(100)]},
}


def resolver(vpc_id: str, name: str, kind: str) -> list[str] | None:
    assert vpc_id == "vpc-1" and name == name.lower()
    return None if name not in NAMES else NAMES[name].get(kind, [])


def ask(query: dnslib.DNSRecord | bytes, *, udp: bool = True) -> dnslib.DNSRecord:
    packed = query if isinstance(query, bytes) else query.pack()
    answer = dns_wire.answer(packed, "vpc-1", "ec2.internal", resolver, udp=udp)
    assert answer is not None
    return dnslib.DNSRecord.parse(answer)


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("web.internal", "A", ["10.0.0.1", "10.0.0.2"]),
        ("WEB.Internal", "AAAA", ["fd00::1"]),
        ("web.internal", "MX", ["10 mail.internal."]),
        ("alias.internal", "CNAME", ["web.internal."]),
        ("alias.internal", "A", ["web.internal.", "10.0.0.1", "10.0.0.2"]),
        ("web.internal", "TXT", ['"a b"', f'"{"x" * 255}","{"x" * 45}"']),
    ],
)
def test_records(name: str, kind: str, values: list[str]) -> None:
    answer = ask(dnslib.DNSRecord.question(name, kind))
    assert answer.header.rcode == dnslib.RCODE.NOERROR and answer.header.ra and not answer.header.tc
    assert [str(record.rdata) for record in answer.rr] == values
    assert str(answer.q.qname).rstrip(".") == name, "the question comes back as it was asked"


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [("none.internal", "A", "NXDOMAIN"), ("web.internal", "SRV", "NOERROR"), ("alias.internal", "AAAA", "NOERROR")],
)
def test_what_is_not_there_says_for_how_long(name: str, kind: str, rcode: str) -> None:
    answer = ask(dnslib.DNSRecord.question(name, kind))
    assert answer.header.rcode == getattr(dnslib.RCODE, rcode)
    if name != "alias.internal":
        assert not answer.rr and [record.rtype for record in answer.auth] == [dnslib.QTYPE.SOA]


def test_an_alias_to_nowhere_and_one_to_itself() -> None:
    NAMES["lost.internal"] = {"CNAME": ["none.internal"]}
    lost = ask(dnslib.DNSRecord.question("lost.internal"))
    assert lost.header.rcode == dnslib.RCODE.NXDOMAIN and len(lost.rr) == 1
    assert len(ask(dnslib.DNSRecord.question("loop.internal")).rr) <= 8


@pytest.mark.parametrize("kind", ["AXFR", "IXFR", "ANY"])
def test_transfers_are_refused(kind: str) -> None:
    assert ask(dnslib.DNSRecord.question("web.internal", kind)).header.rcode == dnslib.RCODE.REFUSED


def test_other_classes_and_operations() -> None:
    chaos = dnslib.DNSRecord(q=dnslib.DNSQuestion("web.internal", dnslib.QTYPE.A, dnslib.CLASS.CH))
    assert ask(chaos).header.rcode == dnslib.RCODE.REFUSED
    notify = bytearray(dnslib.DNSRecord.question("web.internal").pack())
    notify[2] |= 4 << 3
    assert ask(bytes(notify)).header.rcode == dnslib.RCODE.NOTIMP


def test_a_value_that_cannot_be_encoded_is_a_server_failure() -> None:
    assert ask(dnslib.DNSRecord.question("broken.internal")).header.rcode == dnslib.RCODE.SERVFAIL


def test_what_is_too_long_is_truncated_and_fits_a_larger_offer() -> None:
    query = dnslib.DNSRecord.question("many.internal")
    short = ask(query)
    assert short.header.tc and not short.rr and str(short.q.qname) == "many.internal."
    assert len(ask(query, udp=False).rr) == 100
    query.add_ar(dnslib.EDNS0(udp_len=4096))
    assert ask(query).header.tc, "the offer counts up to 1232 bytes only"
    NAMES["some.internal"] = {"A": [f"10.9.0.{n}" for n in range(40)]}
    offer = dnslib.DNSRecord.question("some.internal")
    assert ask(offer).header.tc
    offer.add_ar(dnslib.EDNS0(udp_len=4096))
    assert len(ask(offer).rr) == 40


def test_no_answer_to_answers_nor_to_scraps() -> None:
    response = dnslib.DNSRecord.question("web.internal").reply().pack()
    for data in (b"", b"\0" * 11, response):
        assert dns_wire.answer(data, "vpc-1", "ec2.internal", resolver, udp=True) is None


def test_wrong_counts_are_a_format_error() -> None:
    query = bytearray(dnslib.DNSRecord.question("web.internal").pack())
    for field in (4, 6, 8):
        wrong = query.copy()
        struct.pack_into("!H", wrong, field, 2)
        assert ask(bytes(wrong)).header.rcode == dnslib.RCODE.FORMERR


@given(st.binary(max_size=600))
def test_anything_may_be_sent(data: bytes) -> None:
    answer = dns_wire.answer(data, "vpc-1", "ec2.internal", resolver, udp=True)
    assert answer is None or answer[:2] == data[:2]


@given(st.binary(max_size=300))
def test_anything_may_follow_a_good_header(data: bytes) -> None:
    header = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0)
    answer = dns_wire.answer(header + data, "vpc-1", "ec2.internal", resolver, udp=True)
    assert answer is not None and answer[:2] == b"\0\7" and len(answer) <= 1232
