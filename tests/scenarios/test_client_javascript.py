"""The JavaScript SDK v3 with nothing but the endpoint overridden: every protocol, typed errors, pages, waiters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import fresh_number, life
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.node import node, packages

pytestmark = pytest.mark.timeout(400)  # npm may take its time, once

_SCRIPT = Path(__file__).parent.parent / "programs" / "sdk.cjs"
_CLIENTS = ("ec2", "elastic-load-balancing-v2", "ecs", "cloudwatch", "cloudwatch-logs", "s3", "lambda")


@pytest.fixture(scope="module")
def modules() -> Path:
    return packages("@aws-sdk/s3-request-presigner@3", *(f"@aws-sdk/client-{name}@3" for name in _CLIENTS))


@pytest.fixture(scope="module")
def punctual() -> Iterator[RunningCloud]:
    """A cloud whose clock nobody moves: this SDK tries again when it thinks that its own is wrong."""
    yield from life(RunningCloud())


@pytest.fixture
def account(punctual: RunningCloud) -> Account:
    return Account(punctual, fresh_number())


@pytest.fixture
def run(account: Account, modules: Path, tmp_path: Path) -> Any:
    def results(part: str, **environment: str) -> Any:
        account.environment.update(environment)
        done = node(account, modules, [str(_SCRIPT), part], tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return results


def test_every_protocol(run: Any) -> None:
    got = run("protocols")
    assert got["vpc"] == [["10.7.0.0/16", False]]
    assert sum(got["pages"]) == 3
    assert got["vpc range"] == ["InvalidVpc.Range", True, 400, 1, True]
    assert got["dry run"] == ["DryRunOperation", True, 412, 1, True]
    assert got["waiter"] == "SUCCESS" and got["created"] is True
    assert got["load balancer"] == ["LoadBalancerNotFoundException", True, 400, 1, True]
    assert got["cluster"] == "ACTIVE"
    assert got["services"] == ["ClusterNotFoundException", True, 400, 1, True]
    assert got["metric"] == [6]
    assert got["alarm"] == ["ResourceNotFound", True, 404, 1, True]
    assert got["statistics"] == ["InvalidParameterValueException", True, 400, 1, True]
    assert got["functions"] == [] and got["function"] == ["ResourceNotFoundException", True, 404, 1, True]
    assert got["spoken"]["EC2Client"] == "application/x-www-form-urlencoded"
    assert got["spoken"]["ECSClient"] == "application/x-amz-json-1.1"


def test_a_live_tail_is_an_event_stream(run: Any, account: Account) -> None:
    got = run("tail", NOW_MS=str(int(account.now() * 1000)))
    assert got["twice"] == ["ResourceAlreadyExistsException", True, 400, 1, True]
    assert got["live"] == ["live"]
    assert got["pages"] == 2


def test_objects_with_checksums_and_presigned_urls(run: Any, account: Account) -> None:
    got = run("objects", BUCKET=f"js-{account.number}")
    assert got["checksum"] == "NhCmhg=="
    assert got["plain"] == "hello" and got["stream"] == [70_003, "xend"]
    assert got["keys"] == ["a b/ü", "stream"]
    assert got["key"] == ["NoSuchKey", True, 404, 1, True]
    assert got["bucket"] == ["NoSuchBucket", True, 404, 1, True]
    assert got["head"][:3] == ["NotFound", True, 404]
    assert got["presigned put"] == 200 and got["presigned get"] == "presigned"
