"""Operations on a cloud without gateway: records by pointer, many groups and streams, names of the model."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cloudarium.gateway.audit import Audit
from cloudarium.gateway.dispatch import Dispatcher
from cloudarium.gateway.wire import models
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import root
from cloudarium.kernel.service import _collect, snake_case
from cloudarium.kernel.store import Scope, Store
from cloudarium.services import logs
from cloudarium.services.logs.eventids import pointer
from cloudarium.services.logs.filters import subscriptions
from cloudarium.services.logs.resources import Delivered, LogGroup, SubscriptionFilter
from cloudarium.services.logs.start import running
from cloudarium.services.logs.storage import store as store_module
from cloudarium.services.logs.storage.temporary import TemporaryFolder

SCOPE = Scope("111122223333", "us-east-1")


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    clock, store = Clock(), Store(tmp_path / "cloud.db")
    made = Cloud(clock=clock, store=store, port=1)
    made.services["logs"] = logs.SERVICE
    made.dispatch = Dispatcher(made, Audit(clock, store), None).call  # type: ignore[arg-type]
    yield made
    await made.stop_services()
    store.close()


def client(cloud: Cloud) -> Any:
    return cloud.aws(SCOPE, root(SCOPE.account)).logs


async def put(cloud: Cloud, group: str, stream: str, *messages: str) -> None:
    now = int(cloud.clock.now() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    await client(cloud).put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_every_operation_is_one_of_aws() -> None:
    known = {snake_case(name) for name in models.load("logs").operations}
    ours = set(logs.SERVICE.operations())
    assert len(ours) > 40 and ours <= known


def test_no_operation_is_there_twice() -> None:
    places = Counter((name, info.function.__module__) for name, info in _collect(logs.SERVICE._operations_module))
    named = Counter(name for name, _ in places)
    assert [name for name, count in named.items() if count > 1] == []


async def test_a_subscription_goes_on_after_a_damaged_file(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of events that were delivered and then lost are given to others, which are delivered too."""
    sent: list[bytes] = []

    class Sink:
        kind, type = "kinesis", "Kinesis"

        async def send(self, packed: bytes, partition: str) -> None:
            sent.append(packed)

    monkeypatch.setattr(subscriptions, "target_of", lambda *_: Sink())
    aws = client(cloud)
    await aws.create_log_group(logGroupName="g")
    await aws.create_log_stream(logGroupName="g", logStreamName="s")
    group = cloud.store.table(LogGroup).get(SCOPE, "g")
    assert group is not None
    key = f"{group.uid}/f"
    async with cloud.store.transaction():
        cloud.store.table(Delivered).put(SCOPE, Delivered(key=key, next=50))
        made = SubscriptionFilter(key=key, group=group.uid, name="f", pattern="", destination="arn", created=0)
        cloud.store.table(SubscriptionFilter).put(SCOPE, made)
    # As at every start.
    cloud.enqueue(subscriptions.NAME, (SCOPE, key))
    await cloud.clock.settle()
    await put(cloud, "g", "s", "new")
    await cloud.clock.settle()
    (packed,) = sent
    assert [event["message"] for event in json.loads(gzip.decompress(packed))["logEvents"]] == ["new"]


async def test_a_record_by_its_pointer(cloud: Cloud) -> None:
    aws = client(cloud)
    await aws.create_log_group(logGroupName="g")
    await aws.create_log_stream(logGroupName="g", logStreamName="s")
    await put(cloud, "g", "s", "first", '{"level": "info", "user": {"id": 7}}')
    group = cloud.store.table(LogGroup).get(SCOPE, "g")
    assert group is not None
    (batch,) = running(cloud).storage.scan(group.uid)
    where = pointer(group.uid, batch.times[1], batch.seqs[1])
    record = (await aws.get_log_record(logRecordPointer=where))["logRecord"]
    assert {key: record[key] for key in ("@message", "@logStream", "@log", "level", "user.id", "@ptr")} == {
        "@message": '{"level": "info", "user": {"id": 7}}', "@logStream": "s", "@log": "111122223333:g",
        "level": "info", "user.id": "7", "@ptr": where,
    }  # fmt: skip
    assert set(record) > {"@timestamp", "@ingestionTime"}
    for wrong, code in (
        ("nonsense", "InvalidParameterException"),
        (pointer("other", 1, 1), "ResourceNotFoundException"),
        (pointer(group.uid, batch.times[1], 99), "ResourceNotFoundException"),
    ):
        with pytest.raises(AwsError) as caught:
            await aws.get_log_record(logRecordPointer=wrong)
        assert caught.value.code == code


async def test_more_groups_than_may_be_open(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are closed and opened again as they are needed."""
    monkeypatch.setattr(store_module, "OPEN_GROUPS", 3)
    aws = client(cloud)
    for number in range(10):
        await aws.create_log_group(logGroupName=f"g{number}")
        await aws.create_log_stream(logGroupName=f"g{number}", logStreamName="s")
    for turn in range(3):
        for number in range(10):
            await put(cloud, f"g{number}", "s", f"{turn}")
    assert len(running(cloud).storage._groups) <= 3
    for number in range(10):
        found = (await aws.filter_log_events(logGroupName=f"g{number}"))["events"]
        assert [event["message"] for event in found] == ["0", "1", "2"]


async def test_calls_from_inside_are_held_against_the_rules_too(cloud: Cloud) -> None:
    aws = client(cloud)
    for given in ({"logGroupName": "not a name"}, {"logGroupName": "aws/x"}):
        with pytest.raises(AwsError) as caught:
            await aws.create_log_group(**given)
        assert caught.value.code == "InvalidParameterException"
    await aws.create_log_group(logGroupName="g")
    with pytest.raises(AwsError, match="logStreamName"):
        await aws.create_log_stream(logGroupName="g", logStreamName="a:b")
    await aws.create_log_stream(logGroupName="g", logStreamName="s")
    with pytest.raises(AwsError, match="length greater than or equal to 1"):
        await put(cloud, "g", "s", "")


async def test_texts_of_events_are_not_on_the_record(cloud: Cloud) -> None:
    """CloudTrail would otherwise keep every line a second time."""
    aws = client(cloud)
    await aws.create_log_group(logGroupName="g")
    await aws.create_log_stream(logGroupName="g", logStreamName="s")
    await put(cloud, "g", "s", "a secret line")
    lines = cloud.store.read("cloudtrail", SCOPE)
    assert any(line.key == "PutLogEvents" for line in lines)
    assert not any(b"a secret line" in line.data for line in lines)


async def test_fields_of_a_group(cloud: Cloud) -> None:
    aws = client(cloud)
    await aws.create_log_group(logGroupName="g")
    await aws.create_log_stream(logGroupName="g", logStreamName="s")
    await put(cloud, "g", "s", "plain", '{"a": 1, "b": {"c": 2}}', '{"a": 1}', '{"a": 1}')
    found = (await aws.get_log_group_fields(logGroupName="g"))["logGroupFields"]
    assert {each["name"]: each["percent"] for each in found}.items() >= {
        "@message": 100, "@timestamp": 100, "a": 75, "b.c": 25,
    }.items()  # fmt: skip
    past = int(cloud.clock.now()) - 86_400
    assert (await aws.get_log_group_fields(logGroupName="g", time=past))["logGroupFields"] == []


def test_folders_of_killed_clouds_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = TemporaryFolder()
    killed = tmp_path / "cloudarium-logs-killed"
    killed.mkdir()
    (killed / "lock").touch()
    unlocked = tmp_path / "cloudarium-logs-being-made"
    unlocked.mkdir()
    second = TemporaryFolder()
    assert not killed.exists()
    assert living.path.exists() and unlocked.exists()
    living.remove()
    second.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cloudarium-logs-being-made"]
