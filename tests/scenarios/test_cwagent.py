"""The CloudWatch agent on this machine, reporting to a running cloud: log files that live, die and are rotated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import _python_for_everyone, fresh_number, life
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, free_port, until

CONFIG = """{
  "agent": {
    "run_as_user": "cwagent"
  },
  "logs": {
    "logs_collected": {
      "files": {
        "collect_list": [
          {
            "file_path": "/var/log/nginx/error.log",
            "log_group_name": "/foo-www/var/log/nginx/error_log",
            "log_stream_name": "{instance_id}"
          },
          {
            "file_path": "/var/log/php-fpm/error.log",
            "log_group_name": "/foo-www/var/log/php-fpm/error_log",
            "log_stream_name": "{instance_id}"
          }
        ]
      }
    }
  }
}
"""

AWSLOGS = """# ------------------------------------------
# CentOS CloudWatch Logs
# ------------------------------------------
[/var/log/messages]

# タイムスタンプ
#（例）Jan 1 00:00:00
datetime_format = %b %d %H:%M:%S
#（例）2020-01-01 00:00:00
# datetime_format = %Y-%m-%d %H:%M:%S
file = /var/log/messages
encoding = utf_8
buffer_duration = 5000
initial_position = start_of_file
log_stream_name = {instance_id}
log_group_name = /var/log/messages

[/var/log/nginx/error.log]
file             = /var/log/nginx/error.log
buffer_duration  = 5000
log_stream_name  = {instance_id}
initial_position = start_of_file
log_group_name   = /var/log/nginx/error_log.production

[/var/www/project/app/storage/logs/laravel.log]
file             = /var/www/project/app/storage/logs/laravel.log
buffer_duration  = 5000
log_stream_name  = {instance_id}
initial_position = start_of_file
log_group_name   = /var/www/project/app/storage/logs/laravel_log.production
"""


@pytest.fixture(scope="module")
def still_cloud() -> Iterator[RunningCloud]:
    """A cloud whose clock nobody moves: the agent's time is the machine's."""
    yield from life(RunningCloud())


@pytest.fixture
def account(still_cloud: RunningCloud) -> Account:
    return Account(still_cloud, fresh_number())


class Agent:
    """``cloudarium agent`` with a folder of its own."""

    def __init__(self, account: Account, root: Path, prefix: tuple[str, ...] = (sys.executable,)) -> None:
        self.account, self.root, self.prefix = account, root, prefix
        self.environment = account.cloud.environment | account.environment

    def run(self, *words: str, fails: bool = False) -> str:
        line = [*self.prefix, "-m", "cloudarium", "agent", *words]
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def control(self, *words: str, fails: bool = False) -> str:
        return self.run("--root", str(self.root), "--instance-id", "i-0abc", *words, fails=fails)

    def status(self) -> Any:
        return json.loads(self.control("-a", "status"))

    @property
    def pid(self) -> int:
        return int((self.root / "var/amazon-cloudwatch-agent.pid").read_text())

    @property
    def log(self) -> str:
        return (self.root / "logs/amazon-cloudwatch-agent.log").read_text()


@pytest.fixture
def agent(account: Account, tmp_path: Path) -> Iterator[Agent]:
    made = Agent(account, tmp_path / "agent")
    yield made
    made.control("-a", "stop")


def messages(account: Account, group: str, stream: str = "i-0abc") -> list[str]:
    """All messages of a stream, oldest first; none while it is not there."""
    found: list[str] = []
    request: dict[str, Any] = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
    try:
        while True:
            page = account.logs.get_log_events(**request)
            if not page["events"]:
                return found
            found += [event["message"] for event in page["events"]]
            request["nextToken"] = page["nextForwardToken"]
    except account.logs.exceptions.ResourceNotFoundException:
        return found


def newest(account: Account, group: str, stream: str = "i-0abc") -> str:
    """The last message of a stream; empty while it is not there."""
    try:
        page = account.logs.get_log_events(logGroupName=group, logStreamName=stream, limit=1)
    except account.logs.exceptions.ResourceNotFoundException:
        return ""
    return page["events"][0]["message"] if page["events"] else ""


def has(account: Account, group: str, expected: list[str], stream: str = "i-0abc") -> None:
    until(lambda: len(messages(account, group, stream)) >= len(expected), f"{group} has {len(expected)} events")
    assert messages(account, group, stream) == expected


def logs_config(path: Path, *entries: dict[str, Any], interval: int = 1) -> Path:
    document = {
        "logs": {"force_flush_interval": interval, "logs_collected": {"files": {"collect_list": list(entries)}}}
    }
    path.write_text(json.dumps(document))
    return path


# -- the files of the notebook, where they say they are --------------------------------------------------------------


@pytest.fixture
def machine() -> Iterator[Callable[[str], Path]]:
    """A machine of its own for /opt, /var and /etc/passwd: a mount namespace. Returns paths as seen from here."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("nsenter"):
        pytest.skip("a mount namespace with another user in it needs root, unshare and nsenter")
    if _python_for_everyone() is None:
        pytest.skip("no Python of this version that the agent's user may run")
    script = """set -e
mount --make-rprivate /
cat /etc/passwd > /dev/shm/cwagent-passwd.$$
echo 'cwagent:x:4711:4711::/var/cwagent:/bin/false' >> /dev/shm/cwagent-passwd.$$
mount --bind /dev/shm/cwagent-passwd.$$ /etc/passwd
rm /dev/shm/cwagent-passwd.$$
mount -t tmpfs -o mode=755 tmpfs /opt
mount -t tmpfs -o mode=755 tmpfs /var
mkdir -p /var/log/nginx /var/log/php-fpm /var/www/project/app/storage/logs /var/awslogs/etc
echo ready
exec sleep 600"""
    holder = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        yield lambda path: Path(f"/proc/{holder.pid}/root{path}")
    finally:
        for name in (
            "/opt/aws/amazon-cloudwatch-agent/var/amazon-cloudwatch-agent.pid",
            "/var/awslogs/state/awslogs.pid",
        ):
            left = Path(f"/proc/{holder.pid}/root{name}")
            if left.exists():
                os.kill(int(left.read_text()), signal.SIGKILL)
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


def ended(pid: int) -> bool:
    """Whether a process is over; its entry stays until whoever adopted it looks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def append(path: Path, *lines: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def test_the_notebooks_files_as_they_stand(account: Account, machine: Callable[[str], Path]) -> None:
    root = machine("/opt/aws/amazon-cloudwatch-agent")
    inside = ("nsenter", "-m", "-t", root.parts[2], _python_for_everyone() or "")
    agent = Agent(account, root, inside)
    agent.environment["CLOUDARIUM_AGENT_INSTANCE_ID"] = "i-0abc"
    (root / "bin").mkdir(parents=True)
    (root / "bin/config.json").write_text(CONFIG)
    nginx, php = machine("/var/log/nginx/error.log"), machine("/var/log/php-fpm/error.log")
    append(nginx, "2026/11/24 [error] 7#7: *1 open() failed", "    while reading upstream")
    said = agent.run(
        "-a", "fetch-config", "-m", "ec2", "-s", "-c", "file:/opt/aws/amazon-cloudwatch-agent/bin/config.json"
    )
    assert "Configuration validation succeeded" in said
    assert Path(f"/proc/{agent.pid}").stat().st_uid == 4711
    status = json.loads(agent.run("-m", "ec2", "-a", "status"))
    assert (status["status"], status["configstatus"]) == ("running", "configured")
    assert datetime.fromisoformat(status["starttime"]) <= datetime.now(UTC) + timedelta(seconds=2)
    append(php, "[24-Nov-2026] NOTICE: ready")

    # The older agent beside it, from its own file.
    now = datetime.now()
    syslog = [f"{(now - timedelta(minutes=5)):%b %d %H:%M:%S} host kernel: one", "no time at all"]
    append(machine("/var/log/messages"), *syslog)
    laravel = machine("/var/www/project/app/storage/logs/laravel.log")
    append(laravel, "[2026-11-24 00:00:00] local.ERROR: ログ", "  #0 /var/www/a.php(1)", "[2026-11-24] local.INFO")
    machine("/var/awslogs/etc/awslogs.conf").write_text(AWSLOGS)
    assert "started" in agent.run("awslogs", "-a", "start", "-c", "/var/awslogs/etc/awslogs.conf")
    failed = "2026/11/24 [error] 7#7: *1 open() failed\n    while reading upstream"
    has(account, "/foo-www/var/log/nginx/error_log", [failed])
    has(account, "/foo-www/var/log/php-fpm/error_log", ["[24-Nov-2026] NOTICE: ready"])
    # Its buffers wait five seconds at least, says its documentation.
    group = "/var/www/project/app/storage/logs/laravel_log.production"
    has(
        account,
        group,
        ["[2026-11-24 00:00:00] local.ERROR: ログ\n  #0 /var/www/a.php(1)", "[2026-11-24] local.INFO"],
    )
    has(account, "/var/log/messages", syslog)
    events = account.logs.get_log_events(logGroupName="/var/log/messages", logStreamName="i-0abc")["events"]
    five_minutes_ago = (now - timedelta(minutes=5)).replace(microsecond=0).timestamp() * 1000
    assert [event["timestamp"] for event in events] == [five_minutes_ago, five_minutes_ago]
    has(account, "/var/log/nginx/error_log.production", [failed])
    assert "Starting" in machine("/var/log/awslogs.log").read_text()
    assert "Starting AmazonCloudWatchAgent" in agent.log
    assert "Valid Json input schema" in (root / "logs/configuration-validation.log").read_text()
    pid = agent.pid
    agent.run("-a", "stop")
    assert ended(pid)
    assert json.loads(agent.run("-a", "status"))["status"] == "stopped"


# -- files that change -----------------------------------------------------------------------------------------------


def test_rotation_death_and_return(agent: Agent, tmp_path: Path) -> None:
    """Renamed, killed, renamed while dead, truncated: every line once."""
    log = tmp_path / "app.log"
    entry = {"file_path": str(log), "log_group_name": "/app", "retention_in_days": 7}
    append(log, "0 begin")
    config = logs_config(tmp_path / "app.json", entry)
    agent.control("-a", "fetch-config", "-s", "-c", f"file:{config}")
    expected = ["0 begin"]
    has(agent.account, "/app", expected)
    log.rename(tmp_path / "app.log.1")
    append(tmp_path / "app.log.1", "1 by a writer that has the old file open")
    append(log, "2 in the new file")
    has(agent.account, "/app", expected := [*expected, "1 by a writer that has the old file open", "2 in the new file"])
    state = next((agent.root / "logs/state").iterdir())
    sizes = {each.stat().st_ino: each.stat().st_size for each in (log, tmp_path / "app.log.1")}

    def kept() -> bool:
        """What was sent of either file is known to be sent; before that, a kill sends it again."""
        offsets = {each["inode"]: each["offset"] for each in json.loads(state.read_text())["files"]}
        return log.stat().st_ino in offsets and all(offsets[inode] == sizes[inode] for inode in offsets)

    until(kept, "it is kept")
    os.kill(agent.pid, signal.SIGKILL)
    until(lambda: agent.status()["status"] == "stopped", "the agent is dead")
    append(log, "3 while it is dead")
    log.rename(tmp_path / "app.log.2")
    append(log, "4 after a rotation while it is dead")
    agent.control("-a", "start")
    has(agent.account, "/app", expected := [*expected, "3 while it is dead", "4 after a rotation while it is dead"])
    shutil.copy(log, tmp_path / "app.log.copy")
    os.truncate(log, 0)
    append(log, "5 after copytruncate, which makes it longer than it was")
    has(agent.account, "/app", [*expected, "5 after copytruncate, which makes it longer than it was"])
    (group,) = agent.account.logs.describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 7


def test_a_kill_under_load_loses_nothing(agent: Agent, tmp_path: Path) -> None:
    """Killed in the middle of sending: nothing is lost, at most the batch on its way comes twice."""
    log = tmp_path / "load.log"
    config = logs_config(tmp_path / "load.json", {"file_path": str(log), "log_group_name": "/load"})
    agent.control("-a", "fetch-config", "-s", "-c", f"file:{config}")
    lines = [f"{number:06d} {'x' * 60}" for number in range(20_000)]
    append(log, *lines[:12_000])
    until(lambda: newest(agent.account, "/load"), "the first batch is there")
    os.kill(agent.pid, signal.SIGKILL)
    append(log, *lines[12_000:])
    until(lambda: agent.status()["status"] == "stopped", "the agent is dead")
    agent.control("-a", "start")
    until(lambda: newest(agent.account, "/load") == lines[-1], "the last line is there")
    found = messages(agent.account, "/load")
    assert sorted(set(found)) == lines
    assert len(found) - len(lines) <= 10_000


def test_several_files_filters_encodings_and_bad_bytes(agent: Agent, tmp_path: Path) -> None:
    folder = tmp_path / "logs/deep"
    folder.mkdir(parents=True)
    append(folder / "one.log", "keep 1", "drop 1", "DEBUG keep")
    append(tmp_path / "logs/two.log", "keep 2")
    (tmp_path / "latin.txt").write_bytes("caf\xe9 keep\n".encode("shift_jis", "ignore") + b"\xff\xfe keep\n")
    (tmp_path / "sjis.txt").write_bytes("日本語\n".encode("shift_jis"))
    (tmp_path / "big.txt").write_text("y" * 1_500_000 + "\nafter\n")
    filters = [{"type": "include", "expression": "keep"}, {"type": "exclude", "expression": "^DEBUG"}]
    config = logs_config(
        tmp_path / "many.json",
        {
            "file_path": f"{tmp_path}/logs/**.log",
            "log_group_name": "/many",
            "publish_multi_logs": True,
            "filters": filters,
        },
        {"file_path": str(tmp_path / "latin.txt"), "log_group_name": "/bad", "filters": filters},
        {"file_path": str(tmp_path / "sjis.txt"), "log_group_name": "/sjis", "encoding": "shift_jis"},
        {"file_path": str(tmp_path / "big.txt"), "log_group_name": "/big"},
    )
    agent.control("-a", "fetch-config", "-s", "-c", f"file:{config}")
    for path, expected in ((folder / "one.log", ["keep 1"]), (tmp_path / "logs/two.log", ["keep 2"])):
        has(agent.account, "/many", expected, stream=f"i-0abc_{str(path).replace('/', '_')}")
    has(agent.account, "/bad", ["caf keep", "\ufffd\ufffd keep"])
    has(agent.account, "/sjis", ["日本語"])
    until(lambda: len(messages(agent.account, "/big")) == 2, "both lines are there")
    long, after = messages(agent.account, "/big")
    assert (len(long), long[-14:], after) == (1_048_550, "[Truncated...]", "after")


# -- metrics ---------------------------------------------------------------------------------------------------------


def test_metrics_arrive(agent: Agent, tmp_path: Path) -> None:
    statsd, collectd = free_port(), free_port()
    document = {
        "agent": {"metrics_collection_interval": 1},
        "metrics": {
            "force_flush_interval": 1,
            "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
            "aggregation_dimensions": [["InstanceId"]],
            "metrics_collected": {
                "cpu": {"measurement": [{"name": "usage_idle", "rename": "IDLE", "unit": "Percent"}]},
                "mem": {"measurement": ["used_percent"]},
                "disk": {
                    "measurement": ["disk_used_percent"],
                    "resources": ["/"],
                    "drop_original_metrics": ["used_percent"],
                },
                "procstat": [{"pid_file": str(tmp_path / "me.pid"), "measurement": ["memory_rss", "pid_count"]}],
                "statsd": {
                    "service_address": f"127.0.0.1:{statsd}",
                    "metrics_collection_interval": 1,
                    "metrics_aggregation_interval": 0,
                },
                "collectd": {"service_address": f"udp://127.0.0.1:{collectd}", "collectd_security_level": "none"},
            },
        },
    }
    (tmp_path / "me.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    agent.control("-a", "fetch-config", "-s", "-c", f"file:{tmp_path}/metrics.json")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hits:3|c|#env:prod\nhits:2|c|@0.5|#env:prod\nnonsense", ("127.0.0.1", statsd))
        part = b"\0\2\0\x0aqueue\0" + b"\0\4\0\x0agauge\0"
        sock.sendto(part + b"\0\6\0\x0f\0\1\1" + b"\0\0\0\0\0\0\x45\x40", ("127.0.0.1", collectd))
    cloudwatch = agent.account.cloudwatch

    def listed() -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {}
        for metric in cloudwatch.list_metrics(Namespace="CWAgent")["Metrics"]:
            found.setdefault(metric["MetricName"], []).append({d["Name"]: d["Value"] for d in metric["Dimensions"]})
        return found

    wanted = {"IDLE", "mem_used_percent", "disk_used_percent", "procstat_memory_rss", "hits"}
    until(lambda: wanted <= listed().keys(), "the metrics are listed")
    instance = {"InstanceId": "i-0abc"}
    assert listed()["mem_used_percent"] == [instance]
    assert listed()["disk_used_percent"] == [instance]
    assert {"cpu": "cpu-total", **instance} in listed()["IDLE"] and instance in listed()["IDLE"]
    assert {"pidfile": str(tmp_path / "me.pid"), "pid_finder": "native", **instance} in listed()[
        "procstat_lookup_pid_count"
    ]
    assert {"env": "prod", "metric_type": "counter", **instance} in listed()["hits"]
    agent.control("-a", "stop")
    assert {"type": "gauge", **instance} in listed()["collectd_queue_value"]

    def statistic(name: str, stat: str) -> float:
        dimensions = [{"Name": "InstanceId", "Value": "i-0abc"}]
        metric = {"Namespace": "CWAgent", "MetricName": name, "Dimensions": dimensions}
        answer = cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "q", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": stat}}],
            StartTime=datetime.now(UTC) - timedelta(hours=2),
            EndTime=datetime.now(UTC) + timedelta(hours=1),
        )
        return float(sum(answer["MetricDataResults"][0]["Values"]))

    assert statistic("hits", "Sum") == 7
    assert statistic("collectd_queue_value", "Maximum") == 42
    assert 0 < statistic("mem_used_percent", "Maximum") <= 100


# -- the control program ---------------------------------------------------------------------------------------------


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
