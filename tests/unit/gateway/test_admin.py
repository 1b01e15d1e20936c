"""The admin API's answers, without a network."""

from __future__ import annotations

from typing import Any

import pytest

from cloudarium.gateway.admin import Admin
from cloudarium.gateway.names import split_host
from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.service import Service
from cloudarium.kernel.store import Store


class Plane:
    def owns(self, host: str) -> object | None:
        return "web" if host == "web.elb.localhost" else None

    def adopt(self, handle: object, host: str, port: int | None, fd: int, initial: bytes) -> None:
        raise AssertionError("not asked here")

    async def resolve(self, handle: object, port: int | None) -> tuple[str, int]:
        return "127.0.0.1", port or 80


@pytest.fixture
def admin() -> Admin:
    cloud = Cloud(clock=Clock(ClockState(0, 1_000_000, 0)), store=Store(None), port=4566)
    cloud.services["sts"] = Service("sts", operations="cloudarium.services.sts.operations")
    cloud.data_planes.append(Plane())

    async def reset() -> None:
        await cloud.stop_services()

    return Admin(
        cloud,
        reset=reset,
        rest_operations=lambda name: {"CreateQueue": True, "AddPermission": False},
        processes=lambda: [{"name": "node", "pid": 7}],
    )


async def ask(admin: Admin, method: str, name: str, body: bytes = b"", **query: str) -> tuple[int, dict[str, Any]]:
    return await admin.handle(method, f"/_cloudarium/{name}", query, body)


async def test_health_names_the_processes(admin: Admin) -> None:
    status, answer = await ask(admin, "GET", "health")
    assert status == 200
    assert answer["status"] == "running"
    assert {"name": "node", "pid": 7} in answer["processes"]


async def test_the_clock_is_read_and_steered(admin: Admin) -> None:
    assert await ask(admin, "GET", "clock") == (
        200,
        {"now": "1970-01-12T13:46:40.000Z", "mode": "frozen", "scale": 0.0},
    )
    _, answer = await ask(admin, "POST", "clock", b'{"action": "advance", "seconds": 3600}')
    assert answer["now"] == "1970-01-12T14:46:40.000Z"
    _, answer = await ask(admin, "POST", "clock", b'{"action": "scale", "scale": 60}')
    assert (answer["mode"], answer["scale"]) == ("scaled", 60.0)
    _, answer = await ask(admin, "POST", "clock", b'{"action": "resume"}')
    assert answer["mode"] == "real"


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"{}", b'{"action": "rewind"}', b'{"action": "advance", "seconds": -1}',
             b'{"action": "advance"}', b'{"action": "scale", "scale": 0}', b'{"action": "advance", "seconds": "x"}',
             b'{"action": "advance", "seconds": []}', b'{"action": "advance", "seconds": 1e400}']
)  # fmt: skip
async def test_a_clock_request_that_makes_no_sense_says_what_would(admin: Admin, body: bytes) -> None:
    status, answer = await ask(admin, "POST", "clock", body)
    assert status == 400
    assert answer["error"] and answer["hint"]


async def test_the_ledger(admin: Admin) -> None:
    _, answer = await ask(admin, "GET", "coverage", service="sts")
    assert answer["services"]["sts"]["owner"] == "cloudarium"
    assert answer["services"]["sts"]["operations"]["GetCallerIdentity"] == "real"
    assert answer["services"]["sts"]["operations"]["DecodeAuthorizationMessage"] == "refused"
    _, answer = await ask(admin, "GET", "coverage", service="sqs")
    assert answer["services"]["sqs"] == {
        "owner": "moto",
        "operations": {"AddPermission": "refused", "CreateQueue": "moto"},
    }


async def test_names_resolve_or_are_refused(admin: Admin) -> None:
    assert await ask(admin, "POST", "resolve", b'{"name": "Web.elb.localhost.", "port": 81}') == (
        200,
        {"host": "127.0.0.1", "port": 81},
    )
    assert (await ask(admin, "POST", "resolve", b'{"name": "nobody"}'))[0] == 404
    assert (await ask(admin, "POST", "resolve", b'{"name": "web.elb.localhost", "port": 99999}'))[0] == 400


async def test_what_there_is_not_is_answered_with_what_there_is(admin: Admin) -> None:
    status, answer = await ask(admin, "DELETE", "everything")
    assert status == 404
    assert "health" in answer["hint"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Web.Example:8080", ("web.example", 8080)),
        ("web", ("web", None)),
        ("web:", ("web:", None)),
        ("web:port", ("web:port", None)),
        ("[::1]:80", ("[::1]", 80)),
        ("[::1]", ("[::1]", None)),
        ("", ("", None)),
    ],
)
def test_hosts_are_split_from_their_ports(header: str, expected: tuple[str, int | None]) -> None:
    assert split_host(header) == expected
