"""What the agent knows about the machine it runs on: names, addresses, and what the instance metadata service says.

The metadata service is asked with a token (IMDSv2) in ``ec2`` and ``auto`` mode. What it would have said can be given
instead: ``--instance-id`` and the variables below; a machine that has neither is known by its host name, as documented
for servers outside EC2.
"""

from __future__ import annotations

import os
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

_TIMEOUT = 1.0
"""Seconds of the host: a machine outside EC2 has nobody at that address."""

VARIABLES = {
    "InstanceId": "CLOUDARIUM_AGENT_INSTANCE_ID",
    "ImageId": "CLOUDARIUM_AGENT_IMAGE_ID",
    "InstanceType": "CLOUDARIUM_AGENT_INSTANCE_TYPE",
    "AutoScalingGroupName": "CLOUDARIUM_AGENT_AUTO_SCALING_GROUP",
}


class Machine(NamedTuple):
    """``dimensions`` holds what ``${aws:…}`` may stand for; ``names`` what placeholders in names stand for."""

    hostname: str
    region: str | None
    dimensions: Mapping[str, str]
    names: Mapping[str, str]


def learn(mode: str, instance_id: str | None, environment: Mapping[str, str]) -> Machine:
    """Ask around. ``mode`` is ``ec2``, ``onPremise`` or ``auto``. Waits three seconds at most."""
    local = socket.gethostname()
    metadata = _Metadata(environment) if mode != "onPremise" else None
    told = {
        "InstanceId": metadata.get("instance-id") if metadata else None,
        "ImageId": metadata.get("ami-id") if metadata else None,
        "InstanceType": metadata.get("instance-type") if metadata else None,
    }
    dimensions = {name: value for name, value in told.items() if value}
    dimensions |= {name: environment[variable] for name, variable in VARIABLES.items() if environment.get(variable)}
    if instance_id:
        dimensions["InstanceId"] = instance_id
    region = metadata.get("placement/region") if metadata else None
    names = {
        "instance_id": dimensions.get("InstanceId", local),
        "hostname": (metadata.get("hostname") if metadata else None) or local,
        "local_hostname": local,
        "ip_address": (metadata.get("local-ipv4") if metadata else None) or _address(),
        "date": datetime.now().strftime("%Y-%m-%d"),
    }
    return Machine(local, region, dimensions, names)


class _Metadata:
    """The instance metadata service; silent after the first failure."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._base = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/")
        self._token: str | None = None
        if environment.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true":
            headers = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
            self._token = self._ask("PUT", "api/token", headers)

    def get(self, path: str) -> str | None:
        """One value, or None."""
        if self._token is None:
            return None
        return self._ask("GET", f"meta-data/{path}", {"X-aws-ec2-metadata-token": self._token})

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        request = urllib.request.Request(f"{self._base}/latest/{path}", method=method, headers=dict(headers))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_TIMEOUT) as answer:
                return str(answer.read(4096).decode().strip()) or None
        except urllib.error.HTTPError:
            return None
        except (OSError, ValueError):
            self._token = None
            return None


def _address() -> str:
    """The address this machine has towards others; no packet is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
            return str(sock.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def region_of(plan_region: str | None, machine: Machine, environment: Mapping[str, str]) -> str | None:
    """Where to send to: the configuration's region, the environment's, the instance's."""
    from_environment = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return plan_region or from_environment or machine.region


def current_environment() -> dict[str, str]:
    """A copy of this process's environment."""
    return dict(os.environ)
