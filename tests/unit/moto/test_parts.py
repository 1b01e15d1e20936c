"""The parts of the bridge that need no child."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.substrate.moto import addresses, frames, ledger
from cloudarium.substrate.moto.engine import _settle_chunks
from cloudarium.substrate.moto.journal import Journal, UnknownFormat
from cloudarium.substrate.moto.reading import changes, operation_of
from cloudarium.substrate.moto.remembered import Remembered
from cloudarium.substrate.moto.replayable import Execution, seed_of
from cloudarium.substrate.moto.results import plain

ENTRIES = st.lists(st.fixed_dictionaries({"service": st.text(max_size=9), "body": st.binary(max_size=200)}), max_size=6)


def write(folder: Path, entries: list[dict[str, Any]]) -> None:
    journal = Journal(folder, 5.0)
    assert not list(journal.replay())
    for entry in entries:
        journal.append(entry)
    journal.close()


@given(ENTRIES, st.integers(1, 400), st.booleans())
def test_a_torn_tail_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Any], cut: int, flip: bool
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    write(folder, entries)
    path = folder / "journal"
    data = path.read_bytes()
    path.write_bytes(data[:-cut] if not flip else data[:-1] + bytes([data[-1] ^ 255]))
    journal = Journal(folder, 9.0)
    kept = list(journal.replay())
    assert kept == entries[: len(kept)]
    assert len(kept) < len(entries) or not entries
    journal.append({"service": "after", "body": b""})
    journal.close()
    assert list(Journal(folder, 9.0).replay()) == [*kept, {"service": "after", "body": b""}]


def test_a_journal_keeps_its_birth(tmp_path: Path) -> None:
    write(tmp_path, [])
    assert Journal(tmp_path, 99.0).birth == 5.0


def test_large_bodies_are_stored_once(tmp_path: Path) -> None:
    body = b"x" * 100_000
    write(tmp_path, [{"n": number, "body": body} for number in range(50)])
    assert [entry["body"] == body for entry in Journal(tmp_path, 0.0).replay()] == [True] * 50
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 2 * len(body)


def test_journals_are_their_owners_alone(tmp_path: Path) -> None:
    write(tmp_path / "moto", [{"body": b"x" * 100_000}])
    assert (tmp_path / "moto").stat().st_mode & 0o077 == 0
    assert (tmp_path / "moto" / "journal").stat().st_mode & 0o077 == 0
    assert (tmp_path / "moto" / "blobs").stat().st_mode & 0o077 == 0


def test_a_journal_of_the_future_is_not_touched(tmp_path: Path) -> None:
    write(tmp_path, [])
    path = tmp_path / "journal"
    journal = Journal(tmp_path, 0.0)
    journal._file.seek(0)
    journal._file.truncate()
    journal._write({"format": 99, "birth": 1.0})
    data = path.read_bytes()
    with pytest.raises(UnknownFormat):
        Journal(tmp_path, 0.0)
    assert path.read_bytes() == data


@given(st.dictionaries(st.text(max_size=5), st.integers(-5, 5)), st.binary(max_size=100))
def test_frames(header: dict[str, Any], body: bytes) -> None:
    data = b"".join(frames.pack(header, body))
    head, size = frames.lengths(data[: frames.PREFIX.size])
    rest = data[frames.PREFIX.size :]
    assert (frames.decode(rest[:head]), rest[head:]) == (header, body)
    assert size == len(body)


def test_what_cannot_be_a_frame() -> None:
    with pytest.raises(frames.Broken):
        frames.lengths(b"\xff" * frames.PREFIX.size)


@pytest.mark.parametrize(
    ("service", "operation", "method", "expected"),
    [
        ("s3", "ListBuckets", "GET", False), ("s3", "HeadObject", "HEAD", False), ("s3", "GetObject", "GET", False),
        ("s3", "PutObject", "PUT", True), ("sqs", "ReceiveMessage", "POST", True), ("kms", "Decrypt", "POST", False),
        ("kms", "CreateKey", "POST", True), ("dynamodb", "Query", "POST", False),
        ("dynamodb", "BatchGetItem", "POST", False),
        ("dynamodb", "BatchWriteItem", "POST", True), ("cognito-identity", "GetId", "POST", True),
        ("lambda", "Invoke", "POST", True), ("x", "Getaway", "POST", True), ("x", "Listen", "POST", True),
        ("s3", "", "GET", False), ("s3", "", "HEAD", False), ("s3", "", "POST", True), ("s3", "", "DELETE", True),
    ],
)  # fmt: skip
def test_what_changes_something(service: str, operation: str, method: str, expected: bool) -> None:
    assert changes(service, operation, method) is expected


@pytest.mark.parametrize(
    ("headers", "query", "body", "expected"),
    [
        ({"x-amz-target": "AmazonSQS.SendMessage"}, "", b"{}", "SendMessage"),
        ({"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, "", b"Action=GetUser&V=1", "GetUser"),
        ({}, "Action=ListUsers&Version=1", b"", "ListUsers"),
        ({"content-type": "application/json"}, "", b"Action=No", ""),
        ({"content-type": "application/x-www-form-urlencoded"}, "", b"\xff\xfe", ""),
    ],
)  # fmt: skip
def test_the_operation_of_a_request(headers: dict[str, str], query: str, body: bytes, expected: str) -> None:
    assert operation_of(headers, query, body) == expected


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({"authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/r/states/aws4_request, S"}, "", "stepfunctions"),
        ({}, "X-Amz-Credential=A%2F20260101%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=1", "s3"),
        ({}, "", "s3"),
        ({"x-amz-target": "DynamoDBStreams_20120810.ListStreams",
          "authorization": "AWS4 Credential=A/20260101/r/dynamodb/aws4_request"}, "", "dynamodbstreams"),
    ],
)  # fmt: skip
def test_the_service_of_a_request(headers: dict[str, str], query: str, expected: str) -> None:
    assert addresses.service_of(headers, query) == expected


def test_an_access_point_keeps_its_host() -> None:
    host = "name-111122223333.s3-accesspoint.eu-west-1.amazonaws.com"
    assert addresses.s3_url(host, "eu-west-1", "/k?x=1") == f"https://{host}/k?x=1"


def test_chunks_that_are_gone_are_not_promised() -> None:
    headers = {
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "5",
        "Content-Encoding": "gzip,aws-chunked",
    }
    gone = dict(headers)
    _settle_chunks(gone, b"12345")
    assert gone == {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD", "Content-Encoding": "gzip"}
    still = dict(headers)
    _settle_chunks(still, b"5\r\n12345\r\n0\r\n\r\n")
    assert still == headers


def test_results_become_plain() -> None:
    import io
    from datetime import UTC, datetime
    from decimal import Decimal

    got = plain({
        "ResponseMetadata": {}, "Body": io.BytesIO(b"x"), "At": datetime(2026, 1, 1), "N": Decimal("1.5"),
        "Events": iter([{"ResponseMetadata": 1}]),
    })  # fmt: skip
    assert got == {
        "Body": b"x", "At": datetime(2026, 1, 1, tzinfo=UTC), "N": 1.5, "Events": [{"ResponseMetadata": 1}],
    }  # fmt: skip


def test_an_execution_can_be_run_again() -> None:
    import random

    def draws(execution: Execution) -> tuple[Any, ...]:
        with execution.running():
            return random.random(), random.getrandbits(64), execution.urandom(9)

    before = random.getstate()
    first = draws(Execution(1.0, b"seed"))
    assert random.getstate() == before
    assert draws(Execution(1.0, b"seed")) == first
    assert draws(Execution(1.0, b"other")) != first
    assert seed_of("ab", "c") != seed_of("a", "bc")


def test_a_service_name_cannot_leave_motos_folder() -> None:
    for name in ("", "..", "../boto3", "s3/..", "core", "moto-api", "nonsense"):
        assert ledger.folder_of(name) is None, name
    assert ledger.folder_of("lambda") is not None


def test_only_the_last_answers_are_remembered() -> None:
    kept = Remembered(most=2)
    calls = [_once(f"t{n}") for n in range(3)]
    for call in calls:
        kept.keep(call, {"result": call["once"]})
    assert [kept.get(call) for call in calls] == [None, {"result": "t1"}, {"result": "t2"}]
    kept.keep(_once("e"), {"error": ["E", "", 400]})
    kept.keep(_once(""), {"result": "r"})
    assert kept.get(_once("e")) is None and kept.get(_once("")) is None


def _once(token: str) -> dict[str, Any]:
    return {"account": "1", "region": "r", "service": "kms", "operation": "create_key", "once": token}
