"""The pure parsers, against generated input."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.substrate.http.chunked import ChunkedBody, encode_chunk, encode_last_chunk
from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.faults import ProtocolError
from cloudarium.substrate.http.framing import CHUNKED, UNTIL_CLOSE
from cloudarium.substrate.http.heads import parse_response_head
from cloudarium.substrate.http.request_fields import parse_request_fields
from cloudarium.substrate.http.request_framing import request_framing
from cloudarium.substrate.http.request_reader import RequestReader

names = st.from_regex(re.compile(rb"[A-Za-z][-A-Za-z0-9!#$%&'*+.^_`|~]{0,20}"), fullmatch=True)
values = st.from_regex(re.compile(rb"([!-~]([ \t!-~]{0,40}[!-~])?)?"), fullmatch=True)
field_lists = st.lists(st.tuples(names, values), max_size=12)
methods = st.from_regex(re.compile(rb"[A-Z]{1,10}"), fullmatch=True)
targets = st.from_regex(re.compile(rb"/[!-~]{0,60}"), fullmatch=True)
almost_http = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            b"GET |/ |HTTP/1.1|\r\n|\n|\r|:|Host: a\r\n|Content-Length: |5|\0|Transfer-Encoding: chunked\r\n|\r\n\r\n|"
            b" |HTTP/1.1 200 OK\r\n|HTTP/2.0|0\r\n\r\n".split(b"|")
        ),
    ),
    max_size=24,
).map(b"".join)


def render(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields) + b"\r\n"


@given(methods, targets, st.integers(0, 1), field_lists)
def test_request_head_round_trip(method: bytes, target: bytes, minor: int, fields: list[tuple[bytes, bytes]]) -> None:
    head = b"%b %b HTTP/1.%d\r\n%b" % (method, target, minor, render(fields))
    reader = RequestReader()
    assert reader.read(head + b"next", 0) == len(head)
    assert (reader.method, reader.target, reader.minor) == (method, target, minor)
    assert reader.headers.items == fields
    assert reader.tier is Tier.COMPLIANT


@given(methods, targets, field_lists, st.data())
def test_request_head_is_found_however_it_is_split(
    method: bytes, target: bytes, fields: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    head = b"%b %b HTTP/1.1\r\n%b" % (method, target, render(fields))
    cut = data.draw(st.integers(0, len(head) - 1))
    reader = RequestReader()
    assert reader.read(head[:cut], 0) == 0
    assert reader.read(head, 0) == len(head)
    assert reader.headers.items == fields


@given(st.lists(st.tuples(targets, field_lists, st.booleans()), min_size=1, max_size=6))
def test_a_repeated_field_block_is_read_as_a_fresh_one(
    requests: list[tuple[bytes, list[tuple[bytes, bytes]], bool]],
) -> None:
    shared, fields = RequestReader(), []
    for target, drawn, repeat in requests:
        fields = fields if repeat else drawn
        head = b"GET %b HTTP/1.1\r\n%b" % (target, render(fields))
        fresh = RequestReader()
        assert shared.read(head, 0) == fresh.read(head, 0) == len(head)
        assert shared.headers.items == fresh.headers.items == fields
        assert shared.target == fresh.target


def test_no_bytes_stand_for_a_field_block_that_is_not_kept() -> None:
    """A block too large to be kept must not be found again in whatever a client sends next."""
    reader = RequestReader()
    large = b"GET / HTTP/1.1\r\nHost: a\r\nX-Large: %b\r\n\r\n" % (b"x" * 9000)
    for first in (b"", large):
        assert reader.read(first, 0) == len(first)
        assert reader.read(b"GET / HTTP/1.1\r\n\x00", 0) == 0
        odd = b"GET / HTTP/1.1\r\n\x00: a\r\n\r\n"
        assert reader.read(odd, 0) == len(odd) and reader.headers.items == [(b"\x00", b"a")]


@settings(max_examples=400)
@given(almost_http)
def test_garbage_is_read_or_refused_and_nothing_else(garbage: bytes) -> None:
    reader, position = RequestReader(), 0
    try:
        for _ in range(len(garbage) + 1):
            end = reader.read(garbage, position)
            assert position <= end <= len(garbage) or end == position + 2
            if end == position or end >= len(garbage):
                break
            position = end
            request_framing(reader.method, reader.minor, reader.headers)
    except ProtocolError:
        pass
    for feeder in (lambda: parse_response_head(garbage + b"\r\n\r\n"), lambda: ChunkedBody().feed(garbage)):
        try:
            feeder()
        except ProtocolError:
            pass


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), field_lists, st.data())
def test_chunked_body_however_it_is_split(
    pieces: list[bytes], trailers: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    forbidden = {b"content-length", b"transfer-encoding", b"host", b"connection", b"upgrade", b"te", b"keep-alive"}
    trailers = [(n, v) for n, v in trailers if n.lower() not in forbidden and b"proxy" not in n.lower()]
    encoded = b"".join(encode_chunk(piece) for piece in pieces) + encode_last_chunk(trailers)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=6)))
    body, payload = ChunkedBody(), list[bytes]()
    for begin, end in zip([0, *cuts], [*cuts, len(encoded)], strict=True):
        assert body.feed(encoded[begin:end], 0, payload) == end - begin
    assert body.done
    assert b"".join(payload) == b"".join(pieces)
    assert body.trailers == trailers
    assert body.feed(b"GET / HTTP/1.1\r\n") == 0


@pytest.mark.parametrize(
    "bad",
    [
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"-1\r\n\r\n",
        b"\r\n\r\n",
        b"11111111111111111\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0\r\n folded: x\r\n\r\n",
        b"1" * 5000,
    ],
)
def test_bad_chunks_are_refused(bad: bytes) -> None:
    with pytest.raises(ProtocolError):
        ChunkedBody().feed(bad)


CRLF_HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\n%b\r\n"
SMUGGLING = [
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Tier.AMBIGUOUS, "BothTeClPresent"),
    (b"Content-Length: 5\r\nContent-Length: 5\r\n", Tier.AMBIGUOUS, "DuplicateContentLength"),
    (b"Content-Length: 5\r\nContent-Length: 6\r\n", Tier.SEVERE, "MultipleContentLength"),
    (b"Content-Length: 5,5\r\n", Tier.SEVERE, "BadContentLength"),
    (b"Content-Length: +5\r\n", Tier.SEVERE, "BadContentLength"),
    (b"Content-Length: 0x5\r\n", Tier.SEVERE, "BadContentLength"),
    (b"Content-Length: 18446744073709551616\r\n", Tier.SEVERE, "BadContentLength"),
    (b"Content-Length:\r\n", Tier.SEVERE, "BadContentLength"),
    (b"Transfer-Encoding: xchunked\r\n", Tier.SEVERE, "BadTransferEncoding"),
    (b"Transfer-Encoding: \x0bchunked\r\n", Tier.SEVERE, "BadTransferEncoding"),
    (b"Transfer-Encoding: chunked\x0c\r\n", Tier.SEVERE, "BadTransferEncoding"),
    (b"Transfer-Encoding: chunked, identity\r\n", Tier.SEVERE, "BadTransferEncoding"),
    (b"Transfer-Encoding: chunked, chunked\r\n", Tier.SEVERE, "MultipleTransferEncodingChunked"),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Tier.SEVERE, "MultipleTransferEncodingChunked"),
    (b"Transfer_Encoding: chunked\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
    (b"Content_Length: 5\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
    (b"Transfer---Encoding: chunked\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
    (b"\x01Transfer-Encoding: chunked\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
    (b"Transfer- Encoding: chunked\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
    (b"Transfer-Encoding x: chunked\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
    ("Tranſfer-Encoding: chunked\r\n".encode(), Tier.AMBIGUOUS, "SuspiciousHeader"),
    ("Transfer-Encodıng: chunked\r\n".encode(), Tier.AMBIGUOUS, "SuspiciousHeader"),
    (b"X-Header: a\x00b\r\n", Tier.SEVERE, "BadHeader"),
    (b"X-Header: a\rContent-Length: 5\r\n", Tier.SEVERE, "BadHeader"),
    (b"X-Header: caf\xc3\xa9\r\n", Tier.ACCEPTABLE, "NonCompliantHeader"),
    (b"X(Header): a\r\n", Tier.ACCEPTABLE, "NonCompliantHeader"),
    (b"X-Header: a\r\n", Tier.COMPLIANT, "Compliant"),
    (b"X-Content-Length-Hint: 5\r\n", Tier.COMPLIANT, "Compliant"),
]


@pytest.mark.parametrize(("fields", "tier", "reason"), SMUGGLING)
def test_smuggling_vectors_are_classified(fields: bytes, tier: Tier, reason: str) -> None:
    reader = RequestReader()
    reader.read(CRLF_HEAD % fields, 0)
    framing = request_framing(reader.method, reader.minor, reader.headers)
    worst = max([(reader.headers.tier, reader.headers.reason), framing[1:3]], key=lambda verdict: verdict[0])
    assert worst == (tier, reason)


@pytest.mark.parametrize(
    ("method", "fields", "minor", "reason"),
    [
        (b"GET", b"Content-Length: 0\r\n", 1, "GetHeadZeroContentLength"),
        (b"GET", b"Content-Length: 3\r\n", 1, "UndefinedContentLengthSemantics"),
        (b"HEAD", b"Transfer-Encoding: chunked\r\n", 1, "UndefinedTransferEncodingSemantics"),
        (b"POST", b"Transfer-Encoding: chunked\r\n", 0, "UndefinedTransferEncodingSemantics"),
    ],
)
def test_bodies_without_meaning_are_classified(method: bytes, fields: bytes, minor: int, reason: str) -> None:
    assert request_framing(method, minor, parse_request_fields(fields + b"\r\n", False)).reason == reason


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\n: a\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET\r\n\r\n",
        b" GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 17000 + b"\r\n\r\n",
        b"GET /" + b"a" * 17000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 2000 + b"\r\n",
        b"a" * 17000,
    ],
)
def test_heads_that_cannot_be_told_apart_are_refused(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        RequestReader().read(head, 0)


@pytest.mark.parametrize(
    ("line", "tier", "reason"),
    [
        (b"GET /a b HTTP/1.1", Tier.ACCEPTABLE, "SpaceInUri"),
        (b"GET /a\tb HTTP/1.1", Tier.AMBIGUOUS, "AmbiguousUri"),
        (b"GET /a\x00b HTTP/1.1", Tier.SEVERE, "BadUri"),
        (b"GET /a\rb HTTP/1.1", Tier.SEVERE, "BadUri"),
        (b"G\x01T /a HTTP/1.1", Tier.SEVERE, "BadMethod"),
        (b"GET /a HTTP/1.2", Tier.ACCEPTABLE, "NonCompliantVersion"),
        (b"GET /a HTTP/1.1x", Tier.SEVERE, "BadVersion"),
        (b"GET /%09%20%0d HTTP/1.1", Tier.COMPLIANT, "Compliant"),
    ],
)
def test_request_lines_are_classified(line: bytes, tier: Tier, reason: str) -> None:
    reader = RequestReader()
    reader.read(line + b"\r\nHost: a\r\n\r\n", 0)
    assert (reader.tier, reader.reason) == (tier, reason)


@pytest.mark.parametrize(
    ("head", "length", "verbatim"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 5, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", 5, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", 5, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: timeout=5\r\n\r\n", 5, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 5, False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKED, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", CHUNKED, False),
        (b"HTTP/1.1 200 OK\r\n\r\n", UNTIL_CLOSE, False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 0, True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 0, False),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 0, True),
    ],
)
def test_response_heads(head: bytes, length: int, verbatim: bool) -> None:
    parsed = parse_response_head(head)
    assert (parsed.length, parsed.verbatim) == (length, verbatim)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 99 No\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
    ],
)
def test_bad_response_heads_are_refused(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_response_head(head)
