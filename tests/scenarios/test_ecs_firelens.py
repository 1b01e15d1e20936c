"""FireLens: a container's output goes to the log router beside it, which has the configuration that ECS makes.

Fluent Bit itself is in no image that can be made here; a program stands in for it that speaks its forward protocol at
the socket and prints what it gets.
"""

from __future__ import annotations

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place

ROUTER = """
import os, socket
with open("/fluent-bit/etc/fluent-bit.conf") as file:
    print(*("configured " + line.strip() for line in file if line.strip()), sep="\\n", flush=True)
print("its secret is", os.environ["role_arn_0"], flush=True)
listening = socket.socket(socket.AF_UNIX)
listening.bind("/var/run/fluent.sock")
listening.listen()
client, _ = listening.accept()
data = b""
while more := client.recv(65536):
    data += more
    at = data.find(b"\\xa5chunk")
    if at < 0:
        continue
    kind = data[at + 6]
    length = 1 + (kind & 31) if kind != 0xD9 else 2 + data[at + 7]
    chunk = data[at + 6 : at + 6 + length]
    if len(chunk) < length:
        continue
    for word in (b"app-firelens-", b"hello", b"container_name", b"stdout"):
        print("heard", word.decode(), word in data, flush=True)
    client.sendall(b"\\x81\\xa3ack" + chunk)
    data = data[at + 6 + length :]
"""


@pytest.fixture(scope="module")
def place(cloud: RunningCloud) -> Place:
    return Place(cloud, Account(cloud, fresh_number()))


def test_output_goes_through_the_router(place: Place) -> None:
    awslogs = {"awslogs-group": "jobs", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
    router = {
        "name": "router", "image": "web", "command": ["python3", "-uc", ROUTER], "stopTimeout": 2,
        "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
        "logConfiguration": {"logDriver": "awslogs", "options": {**awslogs, "awslogs-create-group": "true"}},
    }  # fmt: skip
    to = {"Name": "cloudwatch", "region": "us-east-1", "log_group_name": "elsewhere"}
    app = {
        "name": "app", "command": ["sh", "-c", "echo hello; sleep 1000"], "stopTimeout": 2,
        "logConfiguration": {
            "logDriver": "awsfirelens", "options": to, "secretOptions": [{"name": "role_arn", "valueFrom": "/key"}],
        },
    }  # fmt: skip
    place.account.ssm.put_parameter(Name="/key", Value="the secret", Type="SecureString")
    arn = place.run(place.define(app, router, executionRoleArn=place.execution_role))
    stream = f"p/router/{arn.rpartition('/')[2]}"
    until(lambda: "heard stdout" in place.output(stream), "the router has heard", 30)
    said = place.output(stream).splitlines()
    assert [line for line in said if line.startswith("heard")] == [
        "heard app-firelens- True", "heard hello True", "heard container_name True", "heard stdout True",
    ]  # fmt: skip
    configured = {" ".join(line.split()[1:]) for line in said if line.startswith("configured")}
    assert {"unix_path /var/run/fluent.sock", "Name cloudwatch", "log_group_name elsewhere"} <= configured
    assert any(line.endswith("ecs_cluster main") for line in configured)
    assert "role_arn ${role_arn_0}" in configured and "its secret is the secret" in said
    place.ecs.stop_task(cluster="main", task=arn)
    place.until(arn, "STOPPED")
