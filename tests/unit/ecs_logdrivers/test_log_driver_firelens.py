"""FireLens: the forward protocol against a receiver that speaks it, and the router's configuration."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from cloudarium.kernel.client import AwsClients
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ecs import logdrivers
from cloudarium.services.ecs.logdrivers.firelens import config, files, forward

SCOPE = Scope("111122223333", "us-east-1")
TASK = SimpleNamespace(id="0123456789abcdef")
METADATA = {"ecs_cluster": "c", "ecs_task_arn": "arn:t", "ecs_task_definition": "f:1"}


class Router:
    """Takes forwarded records; drops the first ``deaf`` messages with their connections."""

    def __init__(self, deaf: int = 0) -> None:
        self.deaf = deaf
        self.entries: list[tuple[str, Any, dict[str, Any]]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while more := await reader.read(65_536):
            data += more
            try:
                tag, entries, option = msgspec.msgpack.decode(data)
            except msgspec.DecodeError:
                continue
            data = b""
            if self.deaf:
                self.deaf -= 1
                break
            assert option["size"] == len(entries)
            self.entries += [(tag, time, record) for time, record in entries]
            writer.write(msgspec.msgpack.encode({"ack": option["chunk"]}))
        writer.close()


class Output:
    def __init__(self, *batches: list[Any]) -> None:
        self._batches = batches
        self.acknowledged = 0

    async def __aiter__(self) -> AsyncIterator[list[Any]]:
        for batch in self._batches:
            yield batch

    def ack(self) -> None:
        self.acknowledged += 1


def record(data: bytes, *, stream: str = "stdout", time: float = 5.25, partial: bool = False) -> Any:
    return SimpleNamespace(data=data, stream=stream, time=time, partial=partial)


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    made = Cloud(clock=Clock(), store=Store(None), port=1)
    root = tmp_path / ("long" * 30)  # longer than the path of a unix socket may be
    made.make_images = lambda: SimpleNamespace(root=root)
    return made


def execution(cloud: Cloud) -> AwsClients:
    return cloud.aws(SCOPE, Principal("AssumedRole", SCOPE.account, "arn:role", "id"))


def definition(*extra: dict[str, Any], **firelens: Any) -> dict[str, Any]:
    app = {
        "name": "app",
        "logConfiguration": {
            "logDriver": "awsfirelens",
            "options": {
                "Name": "cloudwatch",
                "region": "us-east-1",
                "log_group_name": "g",
                "log-driver-buffer-limit": "9",
            },
        },
    }
    router = {"name": "router", "firelensConfiguration": {"type": "fluentbit", **firelens}}
    return {"networkMode": "awsvpc", "containerDefinitions": [app, router, *extra]}


async def test_records_reach_the_router_and_are_acknowledged(cloud: Cloud) -> None:
    router = Router(deaf=1)
    mounts = await files.prepare(cloud, execution(cloud), TASK, definition(), METADATA)
    socket = next(Path(each.source) for each in mounts if each.target == "/var/run") / "fluent.sock"
    folder = os.open(socket.parent, os.O_PATH)
    server = await asyncio.start_unix_server(router.serve, f"/proc/self/fd/{folder}/{socket.name}")
    os.close(folder)
    output = Output([record(b"one"), record(b"two", stream="stderr", partial=True)], [record(b"bad \xff\0", time=6.0)])
    app = definition()["containerDefinitions"][0]
    task = await logdrivers.open(cloud, SCOPE, TASK, app, SimpleNamespace(runtime_id="r1"), output)
    assert task is not None
    await asyncio.wait_for(task, 20)
    server.close()
    assert output.acknowledged == 2
    assert {tag for tag, _, _ in router.entries} == {f"app-firelens-{TASK.id}"}
    about = {"container_id": "r1", "container_name": "/app"}
    assert [entry for _, _, entry in router.entries] == [
        about | {"source": "stdout", "log": "one"},
        about | {"source": "stderr", "log": "two", "partial_message": "true"},
        about | {"source": "stdout", "log": "bad \ufffd\ufffd"},
    ]
    time = router.entries[0][1]
    assert (time.code, time.data) == (0, (5).to_bytes(4, "big") + (250_000_000).to_bytes(4, "big"))
    files.remove(cloud, TASK.id)
    assert not socket.parent.exists()


def test_acknowledgements() -> None:
    whole = msgspec.msgpack.encode({"ack": "abc"})
    assert forward.acknowledged(whole) == "abc"
    assert all(forward.acknowledged(whole[:i]) is None for i in range(1, len(whole)))
    for wrong in (b"\xc0", msgspec.msgpack.encode({"x": 1}), msgspec.msgpack.encode(["ack"])):
        with pytest.raises(ValueError, match="router's answer"):
            forward.acknowledged(wrong)


def test_fluent_bit_configuration() -> None:
    made = definition({"name": "own", "logConfiguration": {"logDriver": "awsfirelens", "options": {}}})
    text = config.fluent_bit(
        made["containerDefinitions"][1]["firelensConfiguration"], made["containerDefinitions"], METADATA, "awsvpc"
    )
    assert "unix_path /var/run/fluent.sock" in text
    assert "Listen 127.0.0.1\n    Port 24224" in text
    assert "Record ecs_cluster c\n    Record ecs_task_arn arn:t\n    Record ecs_task_definition f:1" in text
    assert "[OUTPUT]\n    Name cloudwatch\n    Match app-firelens*\n    region us-east-1\n    log_group_name g" in text
    assert "log-driver-buffer-limit" not in text
    # Routed by the user's own configuration.
    assert "own-firelens" not in text


def test_the_users_configuration_and_no_metadata() -> None:
    made = definition(
        options={"config-file-type": "file", "config-file-value": "/extra.conf", "enable-ecs-log-metadata": "false"}
    )
    firelens = made["containerDefinitions"][1]["firelensConfiguration"]
    text = config.fluent_bit(firelens, made["containerDefinitions"], METADATA, "bridge")
    assert "@INCLUDE /extra.conf" in text
    assert "record_modifier" not in text
    assert "Listen 0.0.0.0" in text
    hostile = {
        "name": "x",
        "logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "a\n[OUTPUT]\nName b"}},
    }
    assert "\n[OUTPUT]\nName b" not in config.fluent_bit(firelens, [hostile], METADATA, "bridge")


def test_fluentd_configuration() -> None:
    made = definition()
    made["containerDefinitions"][0]["logConfiguration"]["options"] = {"@type": "stdout"}
    text = config.fluentd({"type": "fluentd"}, made["containerDefinitions"], METADATA, "awsvpc")
    assert "<match app-firelens**>\n    @type stdout\n</match>" in text
    assert "ecs_cluster c" in text


def read(path: str) -> str:
    return Path(path).read_text()


async def test_a_configuration_in_s3_is_fetched(cloud: Cloud) -> None:
    async def dispatch(
        service: str, operation: str, scope: Scope, who: Principal, given: dict[str, Any]
    ) -> dict[str, Any]:
        assert who.arn == "arn:role"
        assert (service, operation, given) == ("s3", "get_object", {"Bucket": "b", "Key": "dir/extra.conf"})
        return {"Body": b"[OUTPUT]"}

    cloud.dispatch = dispatch
    made = definition(options={"config-file-type": "s3", "config-file-value": "arn:aws:s3:::b/dir/extra.conf"})
    found = await files.prepare(cloud, execution(cloud), TASK, made, METADATA)
    texts = {each.target: read(each.source) for each in found if each.readonly}
    assert texts["/fluent-bit/etc/external.conf"] == "[OUTPUT]"
    assert "@INCLUDE /fluent-bit/etc/external.conf" in texts["/fluent-bit/etc/fluent-bit.conf"]
    assert await files.prepare(cloud, execution(cloud), TASK, {"containerDefinitions": [{"name": "a"}]}, METADATA) == []


def test_secret_options_are_variables_of_the_router() -> None:
    """The configuration names them, for either kind of router; a name cannot begin a line of its own."""
    secret = {"name": "apikey", "valueFrom": "/key"}
    made = definition()
    made["containerDefinitions"][0]["logConfiguration"]["secretOptions"] = [secret]
    containers = made["containerDefinitions"]
    assert config.secret_options(containers) == {"apikey_0": "/key"}
    assert "    apikey ${apikey_0}\n" in config.fluent_bit({"type": "fluentbit"}, containers, METADATA, "awsvpc")
    containers[0]["logConfiguration"]["options"] = {"@type": "http"}
    assert "    apikey \"#{ENV['apikey_0']}\"\n" in config.fluentd({"type": "fluentd"}, containers, METADATA, "bridge")
    secret["name"] = "a\n[OUTPUT]"
    text = config.fluent_bit({"type": "fluentbit"}, containers, METADATA, "awsvpc")
    assert "\n[OUTPUT]_0" not in text
