"""The CloudWatch agent on this machine, reporting to a running cloud: log files that live, die and are rotated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import python_for_everyone
from tests.scenarios.cwagent.agent import Agent, append, ended, has, logs_config, messages, newest
from tests.support.aws import Account
from tests.support.cloud import free_port, until

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


@pytest.fixture
def machine() -> Iterator[Callable[[str], Path]]:
    """A machine of its own for /opt, /var and /etc/passwd: a mount namespace. Returns paths as seen from here."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("nsenter"):
        pytest.skip("a mount namespace with another user in it needs root, unshare and nsenter")
    if python_for_everyone() is None:
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


def test_the_notebooks_files_as_they_stand(account: Account, machine: Callable[[str], Path]) -> None:
    root = machine("/opt/aws/amazon-cloudwatch-agent")
    inside = ("nsenter", "-m", "-t", root.parts[2], python_for_everyone() or "")
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
