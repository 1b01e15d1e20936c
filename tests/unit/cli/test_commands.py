"""Each command against a cloud that only records what it is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cloudarium import __version__
from cloudarium.cli.main import main
from cloudarium.substrate.host import runtime


class Recorder(ThreadingHTTPServer):
    """Answers ``/_cloudarium/…`` with what a test put there."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answer: tuple[int, Any] = (200, {})
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, json.loads(body) if body else None))
        status, answer = self.server.answer
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Recorder]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("CLOUDARIUM_PORT", str(server.port))
        yield server
        server.shutdown()
        thread.join()


def test_env(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDARIUM_PORT", raising=False)
    assert main(["env"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:4566" in out
    assert "export AWS_ACCESS_KEY_ID=test" in out
    assert "export AWS_DEFAULT_REGION=us-east-1" in out
    assert "export AWS_DISABLE_HOST_PREFIX_INJECTION=true" in out

    assert main(["env", "--port", "4600", "--account", "123456789012", "--region", "eu-west-1", "--json"]) == 0
    variables = json.loads(capsys.readouterr().out)
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4600"
    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_REGION"]) == ("123456789012", "eu-west-1")


@pytest.mark.parametrize("wrong", [["--account", "5"], ["--region", "a b"], ["--region", "x;id"]])
def test_env_prints_nothing_that_means_something_else(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["env", *wrong])
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


def test_resolve(cloud: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.answer = (200, {"host": "127.0.0.1", "port": 9999, "more": 1})
    assert main(["resolve", "a.elb.amazonaws.com", "80", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"host": "127.0.0.1", "port": 9999}
    assert main(["resolve", "a.elb.amazonaws.com"]) == 0
    assert capsys.readouterr().out == "127.0.0.1:9999\n"
    assert cloud.asked == [
        ("POST", "/_cloudarium/resolve", {"name": "a.elb.amazonaws.com", "port": 80}),
        ("POST", "/_cloudarium/resolve", {"name": "a.elb.amazonaws.com"}),
    ]


def test_attach_and_detach(cloud: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.answer = (200, {"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.0.9"})
    attach = ["attach", "--subnet", "subnet-1", "--to", "localhost:8080"]
    assert main([*attach, "--port", "80", "--security-group", "sg-1", "--security-group", "sg-2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == cloud.answer[1]
    assert main([*attach, "--account", "123456789012", "--region", "eu-west-1"]) == 0
    assert "10.0.0.9" in capsys.readouterr().out
    assert main(["detach", "eni-1"]) == 0
    body = {"subnet": "subnet-1", "security_groups": ["sg-1", "sg-2"], "port": 80, "to": "127.0.0.1:8080"}
    where = {"account": "123456789012", "region": "eu-west-1"}
    assert cloud.asked == [
        ("POST", "/_cloudarium/attach", body),
        ("POST", "/_cloudarium/attach", body | {"security_groups": [], "port": 8080} | where),
        ("POST", "/_cloudarium/detach", {"id": "eni-1"}),
    ]


def test_attach_looks_where_the_aws_cli_of_this_shell_would(
    cloud: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "123456789012")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert main(["detach", "eni-1"]) == 0
    assert main(["detach", "eni-1", "--account", "210987654321", "--region", "us-west-2"]) == 0
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    assert main(["detach", "eni-1"]) == 0
    assert [body for _, _, body in cloud.asked] == [
        {"id": "eni-1", "account": "123456789012", "region": "eu-west-1"},
        {"id": "eni-1", "account": "210987654321", "region": "us-west-2"},
        {"id": "eni-1", "region": "eu-west-1"},
    ]


def test_attach_says_which_cloud_and_which_port(
    cloud: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CLOUDARIUM_PORT")
    cloud.answer = (200, {"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.0.9"})
    attach = ["attach", "--subnet", "subnet-1", "--to", "127.0.0.1:8080"]
    port = str(cloud.port)
    assert main(["--port", port, *attach, "--port", "80"]) == 0
    # Without a cloud where it would look, a port on which one runs can only mean that one.
    lock = runtime.Lock(runtime.runtime_dir(cloud.port) + "/lock", {"pid": 1})
    assert main([*attach, "--port", port]) == 0
    assert main([*attach, "--port", port, "--port", "80"]) == 0
    assert main([*attach, "--port", "80", "--port", port]) == 0
    lock.release()
    assert [body["port"] for _, _, body in cloud.asked] == [80, 8080, 80, 80]
    assert main([*attach, "--port", "1", "--port", "2", "--port", "3"]) == 2


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], ("GET", "/_cloudarium/clock", None)),
        (["now"], ("GET", "/_cloudarium/clock", None)),
        (["freeze"], ("POST", "/_cloudarium/clock", {"action": "freeze"})),
        (["resume"], ("POST", "/_cloudarium/clock", {"action": "resume"})),
        (["advance", "1h30m"], ("POST", "/_cloudarium/clock", {"action": "advance", "seconds": 5400.0})),
        (["scale", "60"], ("POST", "/_cloudarium/clock", {"action": "scale", "scale": 60.0})),
    ],
)
def test_clock(
    cloud: Recorder, capsys: pytest.CaptureFixture[str], arguments: list[str], asked: tuple[str, str, Any]
) -> None:
    cloud.answer = (200, {"now": "2026-01-01T00:00:00.000Z", "mode": "frozen", "scale": 0.0})
    assert main(["clock", *arguments]) == 0
    assert cloud.asked == [asked]
    assert capsys.readouterr().out == "2026-01-01T00:00:00.000Z  frozen\n"
    assert main(["clock", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == cloud.answer[1]


@pytest.mark.parametrize("arguments", [["advance"], ["advance", "soon"], ["scale", "0"], ["freeze", "5m"]])
def test_clock_usage(cloud: Recorder, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["clock", *arguments]) == 2
    assert cloud.asked == []
    assert "cloudarium: " in capsys.readouterr().err


def test_coverage(cloud: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    operations = {"CreateVpc": "real", "RunInstances": "refused", "CreateRoute": "partial: no gateway", "B": "real"}
    cloud.answer = (200, {"services": {"ec2": {"owner": "cloudarium", "operations": operations}}})
    assert main(["coverage"]) == 0
    assert capsys.readouterr().out.split() == ["ec2", "cloudarium", "2", "real,", "1", "partial,", "1", "refused"]
    assert main(["coverage", "ec2"]) == 0
    assert "partial: no gateway" in capsys.readouterr().out
    cloud.answer = (200, {"services": {}})
    assert main(["coverage", "what&ever"]) == 1
    assert [path for _, path, _ in cloud.asked] == [
        "/_cloudarium/coverage",
        "/_cloudarium/coverage?service=ec2",
        "/_cloudarium/coverage?service=what%26ever",
    ]


def test_reset(cloud: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reset"]) == 0
    assert cloud.asked == [("POST", "/_cloudarium/reset", {})]


def test_refusal_is_passed_on_with_its_hint(cloud: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.answer = (404, {"error": "there is no name x", "hint": "see: aws elbv2 describe-load-balancers"})
    assert main(["resolve", "x"]) == 1
    assert capsys.readouterr().err == ("cloudarium: there is no name x\n  see: aws elbv2 describe-load-balancers\n")
    assert main(["resolve", "x", "--json"]) == 1
    assert json.loads(capsys.readouterr().err) == cloud.answer[1]


def test_something_else_on_the_port(cloud: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.answer = (200, b"<html>hello</html>")
    assert main(["reset"]) == 1
    assert "is not Cloudarium" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["down"], ["status"], ["reset"], ["clock"], ["resolve", "x"], ["coverage"]])
def test_no_cloud(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with Recorder() as closed:
        port = closed.port
    assert main([*command, "--port", str(port)]) == 3
    assert f"cloudarium up --port {port} --detach" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == __version__
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["up", "--port", "0"], ["up", "--port", "70000"], ["up", "--data", "x", "--ephemeral"], ["fly"], ["attach"]],
)
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: cloudarium" in capsys.readouterr().out
