"""``resolve``, ``attach``, ``detach``: where the cloud's networks and the host meet."""

from __future__ import annotations

import argparse
import json
import os
import socket

from cloudarium.cli import admin
from cloudarium.cli.arguments import host_port
from cloudarium.cli.failure import OK, Failure
from cloudarium.substrate.host.runtime import is_running


def resolve(options: argparse.Namespace) -> int:
    """Print a loopback address that leads to a name's port inside the cloud."""
    body = {"name": options.name} | ({} if options.target_port is None else {"port": options.target_port})
    answer = admin.call(options.port, "POST", "resolve", body)
    if options.json:
        print(json.dumps({"host": answer["host"], "port": answer["port"]}))
    else:
        print(f"{answer['host']}:{answer['port']}")
    return OK


def attach(options: argparse.Namespace) -> int:
    """Give a program on this machine an address in a subnet."""
    host, port = host_port(options.to)
    cloud, attached_port = _which(options.port, options.ports, port)
    address = _numeric(host)
    body = {
        "subnet": options.subnet,
        "security_groups": options.security_group,
        "port": attached_port,
        "to": f"[{address}]:{port}" if ":" in address else f"{address}:{port}",
    }
    answer = admin.call(cloud, "POST", "attach", body | _whose(options))
    if options.json:
        keys = ("NetworkInterfaceId", "PrivateIpAddress")
        print(json.dumps({key: answer[key] for key in keys}))
    else:
        print(f"NetworkInterfaceId  {answer['NetworkInterfaceId']}")
        print(f"PrivateIpAddress    {answer['PrivateIpAddress']}")
    return OK


def _whose(options: argparse.Namespace) -> dict[str, str]:
    """The account and region that are named, else those that the AWS CLI would use in this shell."""
    key = os.environ.get("AWS_ACCESS_KEY_ID", "")
    account = options.account or (key if len(key) == 12 and key.isdigit() else None)
    region = options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return {name: value for name, value in (("account", account), ("region", region)) if value}


def _which(cloud: int, ports: list[int], target: int) -> tuple[int, int]:
    """The cloud's port and the attached one, where ``--port`` after ``attach`` may have meant either.

    Once, it is the attached one, unless no cloud runs where this command would look and one does run there. Twice,
    the cloud is the one where a cloud runs, else the first.
    """
    if len(ports) > 2:
        raise ValueError("--port may be given at most twice: which cloud, and the port in the subnet")
    if len(ports) == 2:
        first, second = ports
        return (second, first) if is_running(second) and not is_running(first) else (first, second)
    if ports and is_running(ports[0]) and not is_running(cloud):
        return ports[0], target
    return cloud, ports[0] if ports else target


def _numeric(host: str) -> str:
    """The address of a name, looked up here and now: the cloud has no view of this machine's names."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Failure(f"{host!r} does not resolve: {error}", "write an address: --to 127.0.0.1:8080") from None
    # Programs listen on 127.0.0.1 more often than on ::1, and localhost means both.
    best = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return str(best[4][0])


def detach(options: argparse.Namespace) -> int:
    """End an attachment."""
    answer = admin.call(options.port, "POST", "detach", {"id": options.id} | _whose(options))
    print(json.dumps(answer) if options.json else f"{options.id} is detached")
    return OK
