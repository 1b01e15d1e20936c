"""The network interface of an ``awsvpc`` task: made in EC2, shown as the task's attachment, deleted in the end.

The attachment's id is in the record before the interface is asked for, and is the request's client token: whatever
happens in between, a task never has two.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking-awsvpc.html
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import PARTITION
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.resources import ContainerState, Task
from cloudarium.services.ecs.tasks.reach import Way
from cloudarium.services.ecs.tasks.reasons import CannotRun

log = logging.getLogger(__name__)

KIND = "ElasticNetworkInterface"


def attachment(task: Task) -> dict[str, Any]:
    """The task's interface attachment; empty when it has none."""
    return next((each for each in task.attachments if each.get("type") == KIND), {})


def detail(task: Task, name: str) -> str:
    """A detail of the attachment, such as ``networkInterfaceId``; empty when it is not known (yet)."""
    for each in attachment(task).get("details", ()):
        if each["name"] == name:
            return str(each.get("value") or "")
    return ""


def interface_id(task: Task) -> str:
    """The id of the task's own interface, or empty."""
    return detail(task, "networkInterfaceId")


def with_status(task: Task, status: str) -> tuple[dict[str, Any], ...]:
    """The attachments, with the interface's in another status."""
    return tuple({**each, "status": status} if each.get("type") == KIND else each for each in task.attachments)


async def create(cloud: Cloud, scope: Scope, task: Task) -> dict[str, Any]:
    """Make the interface, or find the one made before; the record's changes. Raises CannotRun."""
    found = attachment(task)
    subnet = detail(task, "subnetId") or next(iter(task.network.get("subnets") or ()), "")
    public = task.network.get("assignPublicIp") == "ENABLED"
    wanted: dict[str, Any] = {
        "SubnetId": subnet,
        "Description": _arn(scope, found["id"]),
        "ClientToken": found["id"],
    }
    if task.network.get("securityGroups"):
        wanted["Groups"] = list(task.network["securityGroups"])
    if public:
        wanted["AssociatePublicIpAddress"] = True
    try:
        answer = await cloud.context(scope, "ecs").aws.ec2.create_network_interface(**wanted)
    except AwsError as error:
        with_public = "enabled" if public else "disabled"
        raise CannotRun(
            "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment "
            f"{with_public} in subnet '{subnet}': {error.code}"
        ) from error
    made = answer["NetworkInterface"]
    details = [
        {"name": "subnetId", "value": made["SubnetId"]},
        {"name": "networkInterfaceId", "value": made["NetworkInterfaceId"]},
        {"name": "macAddress", "value": made["MacAddress"]},
    ]
    if made.get("PrivateDnsName"):
        details.append({"name": "privateDnsName", "value": made["PrivateDnsName"]})
    details.append({"name": "privateIPv4Address", "value": made["PrivateIpAddress"]})
    shown = ({"attachmentId": found["id"], "privateIpv4Address": made["PrivateIpAddress"]},)
    return {
        "attachments": tuple(
            {**each, "details": details, "status": "ATTACHED"} if each is found else each for each in task.attachments
        ),
        "containers": tuple(_with_interfaces(each, shown) for each in task.containers),
        "availability_zone": task.availability_zone or made["AvailabilityZone"],
    }


def _with_interfaces(container: ContainerState, shown: tuple[dict[str, Any], ...]) -> ContainerState:
    return msgspec.structs.replace(container, network_interfaces=shown)


async def find(cloud: Cloud, scope: Scope, task: Task) -> str:
    """The id of the task's interface, also of one whose making was interrupted; empty when there is none."""
    found = attachment(task)
    if not found or (known := interface_id(task)):
        return known if found else ""
    filters = [{"Name": "description", "Values": [_arn(scope, found["id"])]}]
    answer = await cloud.context(scope, "ecs").aws.ec2.describe_network_interfaces(Filters=filters)
    return next((str(each["NetworkInterfaceId"]) for each in answer["NetworkInterfaces"]), "")


def _arn(scope: Scope, attachment_id: str) -> str:
    return f"arn:{PARTITION}:ecs:{scope.region}:{scope.account}:attachment/{attachment_id}"


async def delete(cloud: Cloud, scope: Scope, eni_id: str) -> None:
    """Delete an interface; nothing when it is gone already."""
    try:
        await cloud.context(scope, "ecs").aws.ec2.delete_network_interface(NetworkInterfaceId=eni_id)
    except AwsError as error:
        if not error.code.startswith("InvalidNetworkInterfaceID"):
            raise


async def way(cloud: Cloud, scope: Scope, eni_id: str) -> Way | None:
    """What decides what an interface reaches; None when there is no such interface."""
    try:
        answer = await cloud.context(scope, "ecs").aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni_id])
    except AwsError as error:
        if error.code.startswith("InvalidNetworkInterfaceID"):
            return None
        raise
    (found,) = answer["NetworkInterfaces"]
    groups = tuple(sorted(group["GroupId"] for group in found["Groups"]))
    return Way(eni_id, found["VpcId"], found["SubnetId"], groups, "Association" in found)


async def delete_orphans(cloud: Cloud, scope: Scope) -> None:
    """Delete the interfaces whose tasks are over or unknown: left by a crash between two steps."""
    filters = [{"Name": "requester-id", "Values": ["amazon-ecs"]}]
    answer = await cloud.context(scope, "ecs").aws.ec2.describe_network_interfaces(Filters=filters)
    tasks = cloud.store.table(Task)
    owned = {attachment(task).get("id") for task in tasks.all(scope) if task.live}
    for each in answer["NetworkInterfaces"]:
        _, found, token = each["Description"].partition(":attachment/")
        if found and token not in owned:
            log.warning("deleting network interface %s, which no task has", each["NetworkInterfaceId"])
            await delete(cloud, scope, each["NetworkInterfaceId"])
