"""What the agent learns about its machine, and from ``common-config.toml``."""

from __future__ import annotations

import ast
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cloudarium import agent
from cloudarium.agent import machine
from cloudarium.agent.config import common
from cloudarium.agent.daemon import NotStarted

ROOT = Path(agent.__file__).parent
DATA = {
    "instance-id": "i-0123",
    "ami-id": "ami-1",
    "instance-type": "t3.micro",
    "placement/region": "eu-west-1",
    "hostname": "ip-10-0-0-5.ec2.internal",
    "local-ipv4": "10.0.0.5",
}


class Metadata(BaseHTTPRequestHandler):
    """Instance metadata, version 2: nothing without a token."""

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self) -> None:
        fine = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "60"
        self.answer(200 if fine else 400, "secret")

    def do_GET(self) -> None:
        value = DATA.get(self.path.removeprefix("/latest/meta-data/"))
        allowed = self.headers["X-aws-ec2-metadata-token"] == "secret"
        self.answer(401 if not allowed else 404 if value is None else 200, value or "")

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def metadata() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_agent_knows_nothing_of_the_cloud_in_this_package() -> None:
    """It is a client like any other: it must work against AWS, too."""
    seen, wrong = 0, []
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cloudarium"):
                seen += 1
                if not (node.module or "").startswith("cloudarium.agent"):
                    wrong.append(f"{path.name} imports {node.module}")
    assert seen > 50
    assert not wrong


def test_an_instance_knows_itself(metadata: str) -> None:
    here = machine.learn("ec2", None, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata})
    assert here.dimensions == {"InstanceId": "i-0123", "ImageId": "ami-1", "InstanceType": "t3.micro"}
    assert (here.region, here.names["hostname"]) == ("eu-west-1", "ip-10-0-0-5.ec2.internal")
    assert (here.names["instance_id"], here.names["ip_address"]) == ("i-0123", "10.0.0.5")
    assert machine.region_of(None, here, {}) == "eu-west-1"
    assert machine.region_of(None, here, {"AWS_REGION": "us-east-2"}) == "us-east-2"
    assert machine.region_of("ap-northeast-1", here, {"AWS_REGION": "us-east-2"}) == "ap-northeast-1"


def test_outside_ec2_nobody_is_asked(metadata: str) -> None:
    here = machine.learn("onPremise", None, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata})
    assert here.names["instance_id"] == here.names["hostname"] == socket.gethostname()
    assert (here.dimensions, here.region) == ({}, None)


def test_what_is_given_counts_more_than_what_is_asked(metadata: str) -> None:
    environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata, "CLOUDARIUM_AGENT_IMAGE_ID": "ami-2"}
    here = machine.learn("ec2", "i-9", environment)
    assert (here.names["instance_id"], here.dimensions["ImageId"]) == ("i-9", "ami-2")


def test_metadata_that_is_switched_off_is_not_asked(metadata: str) -> None:
    environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata, "AWS_EC2_METADATA_DISABLED": "true"}
    assert machine.learn("ec2", None, environment).dimensions == {}


def test_the_common_configuration(tmp_path: Path) -> None:
    path = tmp_path / "common-config.toml"
    assert common.variables(path) == {}
    path.write_text('# [credentials]\n[proxy]\nhttps_proxy = "http://proxy:1"\n[ssl]\nca_bundle_path = "/ca"\n')
    assert common.variables(path) == {"HTTPS_PROXY": "http://proxy:1", "AWS_CA_BUNDLE": "/ca"}
    for text, said in (("[imds]\nretries = 3", "imds.retries is not supported"), ("x = ", "cannot be read")):
        path.write_text(text)
        with pytest.raises(NotStarted, match=said):
            common.variables(path)
