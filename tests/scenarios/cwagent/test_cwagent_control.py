"""The agent's control program: configurations from files and from Parameter Store, other accounts, AWS away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import fresh_number
from tests.scenarios.cwagent.agent import Agent, append, has, logs_config, messages
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, free_port, until


def test_configurations_are_validated_merged_and_removed(agent: Agent, tmp_path: Path) -> None:
    for name in ("a", "b"):
        append(tmp_path / f"{name}.log", f"from {name}")
        logs_config(
            tmp_path / f"{name}.json", {"file_path": str(tmp_path / f"{name}.log"), "log_group_name": f"/{name}"}
        )
    (tmp_path / "bad.json").write_text(
        '{"logs": {"logs_collected": {"files": {"collect_list": [{"file_paht": "/x"}]}}}}'
    )
    assert agent.status()["configstatus"] == "not configured"
    said = agent.control("-a", "fetch-config", "-s", "-c", f"file:{tmp_path}/bad.json", fails=True)
    assert "Additional property file_paht is not allowed" in said
    assert "file_paht" in (agent.root / "logs/configuration-validation.log").read_text()
    assert agent.status() | {"version": ""} == {
        "status": "stopped", "starttime": "", "configstatus": "not configured", "version": "",
    }  # fmt: skip
    agent.control("-a", "fetch-config", "-m", "onPremise", "-c", f"file:{tmp_path}/a.json", "-s")
    agent.control("-a", "append-config", "-m", "onPremise", "-c", f"file:{tmp_path}/b.json", "-s")
    has(agent.account, "/a", ["from a"])
    has(agent.account, "/b", ["from b"])
    assert "already been started" in agent.control("-a", "start")
    first = agent.pid
    assert "running already" in agent.control("run", fails=True)
    agent.control("-a", "remove-config", "-c", f"file:{tmp_path}/a.json", "-s")
    assert agent.pid != first
    append(tmp_path / "a.log", "nobody reads this")
    append(tmp_path / "b.log", "again b")
    has(agent.account, "/b", ["from b", "again b"])
    assert messages(agent.account, "/a") == ["from a"]
    document = json.loads((tmp_path / "b.json").read_text()) | {"agent": {"run_as_user": "no-such-user"}}
    (tmp_path / "c.json").write_text(json.dumps(document))
    said = agent.control("-a", "fetch-config", "-s", "-c", f"file:{tmp_path}/c.json", fails=True)
    assert "there is no user no-such-user" in said
    assert agent.status()["status"] == "stopped"


def test_an_endpoint_that_is_away_is_waited_for(account: Account, tmp_path: Path) -> None:
    """Lines that are read while AWS does not answer are sent when it does."""
    agent = Agent(account, tmp_path / "agent")
    relay = free_port()
    log = tmp_path / "app.log"
    append(log, "early")
    config = logs_config(tmp_path / "app.json", {"file_path": str(log), "log_group_name": "/late"})
    document = json.loads(config.read_text())
    document["logs"]["endpoint_override"] = f"http://127.0.0.1:{relay}"
    config.write_text(json.dumps(document))
    try:
        agent.control("-a", "fetch-config", "-s", "-c", f"file:{config}")
        until(lambda: "again in" in agent.log, "the agent has tried in vain")
        assert messages(account, "/late") == []
        code = (
            "import asyncio,sys\n"
            "async def pipe(r,w):\n"
            "    while data := await r.read(65536): w.write(data); await w.drain()\n"
            "    w.close()\n"
            "async def serve(r,w):\n"
            "    a,b = await asyncio.open_connection('127.0.0.1', int(sys.argv[2]))\n"
            "    await asyncio.gather(pipe(r,b), pipe(a,w))\n"
            "async def main():\n"
            "    await (await asyncio.start_server(serve,'127.0.0.1', int(sys.argv[1]))).serve_forever()\n"
            "asyncio.run(main())\n"
        )
        between = subprocess.Popen([sys.executable, "-c", code, str(relay), str(account.cloud.port)])
        try:
            has(account, "/late", ["early"])
        finally:
            agent.control("-a", "stop")
            between.kill()
            between.wait()
    finally:
        agent.control("-a", "stop")


def test_a_configuration_from_parameter_store(agent: Agent, tmp_path: Path) -> None:
    document = {"metrics": {"metrics_collected": {"mem": {"measurement": ["used"]}}}}
    try:
        agent.account.ssm.put_parameter(Name="/cw/config", Type="String", Value=json.dumps(document))
    except agent.account.ssm.exceptions.ClientError as error:
        pytest.skip(f"this cloud has no Parameter Store: {error}")
    agent.control("-a", "fetch-config", "-c", "ssm:/cw/config")
    assert json.loads((agent.root / "etc/amazon-cloudwatch-agent.json").read_text()) == document
    assert agent.status()["configstatus"] == "configured"
    assert "cannot fetch ssm:/cw/none" in agent.control("-a", "append-config", "-c", "ssm:/cw/none", fails=True)
    agent.control("-a", "remove-config", "-c", "all")
    assert agent.status()["configstatus"] == "not configured"


def test_logs_of_another_account_by_its_role(agent: Agent, still_cloud: RunningCloud, tmp_path: Path) -> None:
    """``credentials.role_arn``: the agent assumes the role and the group appears in the role's account."""
    other = Account(still_cloud, fresh_number())
    arn = f"arn:aws:iam::{agent.account.number}:user/shipper"
    statement = {"Effect": "Allow", "Principal": {"AWS": agent.account.number}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    try:
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        role = other.iam.create_role(RoleName="receiver", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        assert agent.account.iam.create_user(UserName="shipper")["User"]["Arn"] == arn
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        agent.account.iam.put_user_policy(UserName="shipper", PolicyName="assume", PolicyDocument=policy)
        key = agent.account.iam.create_access_key(UserName="shipper")["AccessKey"]
    except agent.account.iam.exceptions.ClientError as error:
        pytest.skip(f"this cloud has no IAM: {error}")
    agent.environment["AWS_ACCESS_KEY_ID"] = key["AccessKeyId"]
    agent.environment["AWS_SECRET_ACCESS_KEY"] = key["SecretAccessKey"]
    append(tmp_path / "a.log", "for somebody else")
    config = logs_config(tmp_path / "a.json", {"file_path": str(tmp_path / "a.log"), "log_group_name": "/theirs"})
    document = json.loads(config.read_text()) | {"agent": {"credentials": {"role_arn": role}}}
    config.write_text(json.dumps(document))
    agent.control("-a", "fetch-config", "-s", "-c", f"file:{config}")
    has(other, "/theirs", ["for somebody else"])
    assert messages(agent.account, "/theirs") == []
