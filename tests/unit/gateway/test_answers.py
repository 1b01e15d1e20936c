"""Answers on the wire: one record of each call, also when the disk refuses; and what is kept of an answer."""

from __future__ import annotations

import sqlite3
import sys
import types
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloudarium.gateway import wire
from cloudarium.gateway.app import Gateway
from cloudarium.gateway.audit import JOURNAL, Audit
from cloudarium.gateway.dispatch import Dispatcher
from cloudarium.gateway.wire import WireRequest, WireResponse
from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.identity import DEFAULT_ACCOUNT, DEFAULT_REGION
from cloudarium.kernel.kept import Kept
from cloudarium.kernel.service import Service, operation
from cloudarium.kernel.store import Record, Scope, Store

HERE = Scope(DEFAULT_ACCOUNT, DEFAULT_REGION)


class Topic(Record, frozen=True, kw_only=True):
    TABLE = "topics.topics"
    KEY = "name"

    name: str


@operation
def create_topic(ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
    ctx.table(Topic).put(ctx.scope, Topic(name=request["Name"]))
    return {"TopicArn": f"arn:aws:sns:::{request['Name']}"}


@pytest.fixture
async def cloud(tmp_path: Path) -> Any:
    module = types.ModuleType("topics_operations")
    vars(module).update(create_topic=create_topic)
    sys.modules["topics_operations"] = module
    made = Cloud(clock=Clock(ClockState(0, 1_700_000_000, 0)), store=Store(tmp_path / "state.db"), port=0)
    service = made.services["sns"] = Service("sns", operations="topics_operations")
    await made.ensure_started(service)
    yield made
    made.store.close()


def gateway(cloud: Cloud) -> Gateway:
    audit = Audit(cloud.clock, cloud.store)
    return Gateway(cloud, Dispatcher(cloud, audit, None), audit, None)  # type: ignore[arg-type]


async def ask(asked: Gateway, name: str) -> WireResponse:
    body = f"Action=CreateTopic&Version=2010-03-31&Name={name}".encode()
    headers = {"host": "sns.us-east-1.amazonaws.com", "content-type": "application/x-www-form-urlencoded"}
    answer = asked.answer(WireRequest("POST", "/", "", headers, body), "127.0.0.1")
    return answer if isinstance(answer, WireResponse) else await answer


def records(cloud: Cloud) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line.data) for line in cloud.store.read(JOURNAL, HERE)]


async def test_a_call_is_recorded_once_when_the_disk_refuses(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = gateway(cloud)
    assert (await ask(asked, "first")).status == 200
    commit = cloud.store._disk.commit

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(cloud.store._disk, "commit", refuse)
    refused = await ask(asked, "second")
    assert refused.status == 503 and b"<Code>ServiceUnavailable</Code>" in refused.body
    monkeypatch.setattr(cloud.store._disk, "commit", commit)
    assert [record["requestParameters"]["name"] for record in records(cloud)] == ["second", "first"]
    tally = asked.tallies[("sns", "CreateTopic")]
    assert (tally.calls, tally.errors) == (2, 1)


def test_the_text_of_a_kept_answer_is_made_once() -> None:
    answer = wire.operation("sns", "query", "ListTopics")
    kept = Kept({"Topics": [{"TopicArn": "arn:aws:sns:::a&b"}]})
    plain = answer.serialize(dict(kept), "r").body
    assert answer.serialize(kept, "r").body == plain
    kept["Topics"] = []
    assert answer.serialize(kept, "r").body == plain, "whoever changes it must make a new one"
    other = answer.serialize(Kept({"Topics": []}), "q").body
    assert b"a&amp;b" not in other and b"<RequestId>q</RequestId>" in other
