"""Tasks on container instances: network modes none, host and bridge, host volumes, what Fargate does not have."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place


class Instance(Place):
    """The place, with a container instance in its public subnet."""

    def __init__(self, cloud: RunningCloud, account: Account) -> None:
        super().__init__(cloud, account)
        attributes = [{"name": "ecs.subnet-id", "value": self.public}]
        made = self.ecs.register_container_instance(cluster="main", attributes=attributes)
        self.instance = str(made["containerInstance"]["containerInstanceArn"])

    def start(self, mode: str, *containers: dict[str, Any], **more: Any) -> str:
        """A task on the instance."""
        made = self.ecs.register_task_definition(
            family=f"on-{mode}", networkMode=mode,
            containerDefinitions=[{"image": "tools", "memory": 64, **each} for each in containers], **more,
        )  # fmt: skip
        answer = self.ecs.run_task(
            cluster="main", taskDefinition=made["taskDefinition"]["taskDefinitionArn"], launchType="EC2"
        )
        assert not answer["failures"], answer["failures"]
        return str(answer["tasks"][0]["taskArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        """A container's exit code by name, once the task is over."""
        task = self.until(arn, "STOPPED")
        return {each["name"]: each.get("exitCode", each.get("reason")) for each in task["containers"]}


@pytest.fixture(scope="module")
def there(cloud: RunningCloud) -> Instance:
    return Instance(cloud, Account(cloud, fresh_number()))


def sh(text: str) -> dict[str, Any]:
    return {"name": "app", "command": ["sh", "-ec", text]}


def test_none_has_no_network(there: Instance) -> None:
    arn = there.start("none", sh('[ "$(ls /sys/class/net)" = lo ]; [ -z "$ECS_CONTAINER_METADATA_URI_V4" ]'))
    assert there.ended(arn) == {"app": 0}


def test_host_is_the_instance_s_own_network(there: Instance) -> None:
    web = {
        "name": "web", "command": ["sh", "-c", "echo hi > /tmp/page; exec httpd -f -p 8081 -h /tmp"], "stopTimeout": 2,
        "portMappings": [{"containerPort": 8081}],
    }  # fmt: skip
    server = there.start("host", web)
    task = there.until(server, "RUNNING")
    assert task["containers"][0]["networkBindings"][0]["hostPort"] == 8081
    again = there.ecs.run_task(cluster="main", taskDefinition=task["taskDefinitionArn"], launchType="EC2")
    assert again["failures"][0]["reason"].startswith("RESOURCE:PORTS")
    probe = sh(
        '[ "$(wget -qO- http://127.0.0.1:8081/page)" = hi ]; wget -qO- $ECS_CONTAINER_METADATA_URI_V4 | grep -q on-host'
    )
    assert there.ended(there.start("host", probe)) == {"app": 0}
    there.ecs.stop_task(cluster="main", task=server)
    there.until(server, "STOPPED")


def test_bridge_publishes_ports_and_links_by_name(there: Instance) -> None:
    page = "echo hi > /tmp/page; exec httpd -f -p 80 -h /tmp"
    web = {
        "name": "web", "command": ["sh", "-c", page], "portMappings": [{"containerPort": 80}], "stopTimeout": 2,
    }  # fmt: skip
    ask = 'for i in 1 2 3 4 5; do [ "$(wget -qO- http://server/page)" = hi ] && exit 9; sleep 0.2; done; exit 1'
    client = {"name": "client", "command": ["sh", "-c", ask], "essential": False, "links": ["web:server"]}
    arn = there.start("bridge", web, client)

    def exit_code() -> int | None:
        return next((c.get("exitCode") for c in there.task(arn)["containers"] if c["name"] == "client"), None)

    assert until(exit_code, "the client has ended") == 9
    (binding,) = next(c["networkBindings"] for c in there.task(arn)["containers"] if c["name"] == "web")
    assert binding["containerPort"] == 80 and 32768 <= binding["hostPort"] <= 60999
    found = there.account.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [there.vpc]}])
    (address,) = [each["PrivateIpAddress"] for each in found["NetworkInterfaces"]]
    there.inside(f'[ "$(wget -qO- http://{address}:{binding["hostPort"]}/page)" = hi ]')
    there.ecs.stop_task(cluster="main", task=arn)
    there.until(arn, "STOPPED")


def test_a_host_volume_stays_and_tmpfs_and_hostname_are_had(there: Instance) -> None:
    volume = {"volumes": [{"name": "disk", "host": {"sourcePath": "/var/data"}}]}
    mount = {"mountPoints": [{"sourceVolume": "disk", "containerPath": "/data"}]}
    tmpfs = {"tmpfs": [{"containerPath": "/scratch", "size": 4}], "sharedMemorySize": 8}
    first = sh(
        '[ "$(hostname)" = named ]; df -k /scratch | tail -1 | grep -q " 4096 "; df -k /dev/shm | grep -q " 8192 ";'
        "grep -q '10.1.1.1 .*db' /etc/hosts; wget -qO- $ECS_CONTAINER_METADATA_URI_V4 | grep -q on-bridge;"
        "echo kept > /data/file"
    )
    more = {"hostname": "named", "linuxParameters": tmpfs, "extraHosts": [{"hostname": "db", "ipAddress": "10.1.1.1"}]}
    assert there.ended(there.start("bridge", {**first, **mount, **more}, **volume)) == {"app": 0}
    second = {**sh('[ "$(cat /data/file)" = kept ]'), **mount}
    assert there.ended(there.start("none", second, **volume)) == {"app": 0}
