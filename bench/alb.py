"""A real cloud's Application Load Balancer beside HAProxy (one thread), before the same nginx.

    python bench/alb.py [--seconds 4] [--rounds 3]

64 keep-alive connections, 2-byte and 64-KiB answers, one rule and a hundred; then 1 GiB streamed in both directions
with an eye on memory. Proxies run in turn within each round. The load balancer is the real thing: in a VPC, with
security groups, health checks, X-Forwarded-* and trace headers, metrics.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import report
from backend import GIB, RULES, haproxy, nginx
from load import CannotMeasure, Measured, get, middle, wrk
from processes import Watch, answers, cloudarium, cpu_seconds, environment, free_port, memory, pinned, running, tree
from signing import Signer

ACCOUNT = "111122223333"
CONNECTIONS = 64
_LONGEST_GROWTH = 40
"""Looks, 4 seconds apart, by which a load balancer must have grown to what its load asks for."""
_STEADY = 5
"""As many looks that show the same."""
_NODES = [{"Name": "description", "Values": ["ELB app/*"]}]


@dataclass
class Proxy:
    """A proxy with two listeners. ``processes`` are those that carry the traffic."""

    name: str
    one: str
    hundred: str
    processes: Callable[[], list[int]]


class Balancer:
    """Builds the load balancer through the AWS API."""

    def __init__(self, port: int, env: dict[str, str]) -> None:
        import botocore.session

        self._port, self._env = port, env
        session = botocore.session.get_session()
        session.set_credentials(ACCOUNT, "test")
        self._client: Callable[[str], Any] = lambda service: session.create_client(
            service, region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}"
        )

    def command(self, *arguments: str) -> Any:
        """A cloudarium command for this cloud, with JSON."""
        done = subprocess.run(
            cloudarium("--port", str(self._port), *arguments, "--json"), env=self._env, capture_output=True, text=True
        )
        if done.returncode:
            raise CannotMeasure(f"cloudarium {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout)

    def build(self, target: int) -> tuple[str, str]:
        """Network, attached target, two listeners. Returns their plain loopback addresses."""
        ec2, elbv2 = self._client("ec2"), self._client("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for n, zone in enumerate(("us-east-1a", "us-east-1b"))
        ]
        group = ec2.create_security_group(GroupName="all", Description="all", VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        )
        attached = self.command(
            *("attach", "--subnet", subnets[0], "--security-group", group, "--port", "80"),
            *("--to", f"127.0.0.1:{target}", "--account", ACCOUNT, "--region", "us-east-1"),
        )
        targets = elbv2.create_target_group(Name="bench", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        arn = targets["TargetGroups"][0]["TargetGroupArn"]
        elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": attached["PrivateIpAddress"]}])
        made = elbv2.create_load_balancer(Name="bench", Subnets=subnets, SecurityGroups=[group])["LoadBalancers"][0]
        forward = [{"Type": "forward", "TargetGroupArn": arn}]
        listeners = [
            elbv2.create_listener(
                LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=port, DefaultActions=forward
            )["Listeners"][0]["ListenerArn"]
            for port in (80, 81)
        ]
        for number in range(RULES - 1):
            elbv2.create_rule(
                ListenerArn=listeners[1],
                Priority=number + 1,
                Conditions=[{"Field": "path-pattern", "Values": [f"/rule-{number}/*"]}],
                Actions=forward,
            )
        self.command("clock", "advance", "5m")
        health = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"][0]["TargetHealth"]
        if health["State"] != "healthy":
            raise CannotMeasure(f"the target is {health}")
        addresses = (self.command("resolve", made["DNSName"], str(port)) for port in (80, 81))
        one, hundred = (f"{found['host']}:{found['port']}" for found in addresses)
        return one, hundred

    def grow(self, address: str) -> int:
        """Load it until it adds no more nodes, as a load balancer that carries this much has done; how many it has."""
        ec2 = self._client("ec2")
        seen: list[int] = []
        while len(seen) < _LONGEST_GROWTH and (len(seen) < _STEADY or len(set(seen[-_STEADY:])) > 1):
            with pinned(1):
                wrk(f"http://{address}", [get(address)], connections=CONNECTIONS, seconds=4)
            seen.append(len(ec2.describe_network_interfaces(Filters=_NODES)["NetworkInterfaces"]))
        return seen[-1]

    def nodes(self) -> list[int]:
        """The processes that carry traffic; all of the cloud's when none is named so."""
        found = self.command("status")["processes"]
        nodes = [int(process["pid"]) for process in found if "node" in process["name"] or "alb" in process["name"]]
        return nodes or [int(process["pid"]) for process in found]


def measure(proxies: list[Proxy], seconds: int, rounds: int) -> tuple[list[list[str]], float]:
    """Rows of requests per second, latencies and processor time; and what a hundred rules cost us, beside one."""
    cases = [("2 B, 1 rule", "/", False), ("64 KiB, 1 rule", "/64k", False), (f"2 B, {RULES} rules", "/", True)]
    runs: dict[tuple[str, str], list[Measured]] = {}
    cost: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for title, path, many in cases:
            for proxy in proxies:
                address = proxy.hundred if many else proxy.one
                pids = proxy.processes()
                before = cpu_seconds(pids)
                with pinned(1):
                    run = wrk(f"http://{address}", [get(address, path)], connections=CONNECTIONS, seconds=seconds)
                if run.failed:
                    raise CannotMeasure(f"{proxy.name} failed {run.failed} of {run.requests} requests ({title})")
                runs.setdefault((title, proxy.name), []).append(run)
                cost.setdefault((title, proxy.name), []).append((cpu_seconds(pids) - before) / run.requests * 1e6)
    rows = []
    for title, _, _ in cases:
        ours, theirs = (middle(runs[title, proxy.name]) for proxy in proxies)
        work = [sorted(cost[title, proxy.name])[rounds // 2] for proxy in proxies]
        rows.append(
            [
                title,
                f"{ours.rate:,.0f}",
                f"{theirs.rate:,.0f}",
                f"{ours.rate / theirs.rate:.2f} ×",
                f"{ours.p50:.1f} / {ours.p99:.1f}",
                f"{theirs.p50:.1f} / {theirs.p99:.1f}",
                f"{work[0]:.0f} / {work[1]:.0f}",
            ]
        )
    one, hundred = (min(cost[title, proxies[0].name]) for title in (cases[0][0], cases[2][0]))
    return rows, hundred / one


def stream(proxies: list[Proxy], source: Path, target: int, rounds: int) -> list[list[str]]:
    """1 GiB down and up through each proxy in turn: throughput, and how much its memory grew meanwhile."""
    common = ["curl", "-q", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code} %{time_total}"]
    # The first to read the file waits until the kernel has it in memory: that must be none of the proxies.
    subprocess.run([*common, f"http://127.0.0.1:{target}/1g"], capture_output=True, timeout=300, check=True)
    rates: dict[tuple[str, str], list[float]] = {}
    memories: dict[tuple[str, str], tuple[float, float]] = {}
    for _ in range(rounds):
        for proxy in proxies:
            url = f"http://{proxy.one}"
            for title, arguments in (
                ("1 GiB to the client", [f"{url}/1g"]),
                ("1 GiB to the target", ["-H", "Expect:", "-T", str(source), f"{url}/sink"]),
            ):
                with Watch(proxy.processes()) as watch:
                    done = subprocess.run([*common, *arguments], capture_output=True, text=True, timeout=300)
                status, seconds = (*done.stdout.split(), "0", "0")[:2]
                if status != "200":
                    raise CannotMeasure(f"{proxy.name}, {title}: status {status} {done.stderr}")
                key = (title, proxy.name)
                rates.setdefault(key, []).append(GIB / float(seconds) / (1 << 20))
                before, peak = memories.get(key, (watch.before, 0.0))
                memories[key] = before, max(peak, watch.peak)
    return [
        [*key, f"{sorted(values)[rounds // 2]:,.0f} MiB/s", *(f"{value:.1f} MiB" for value in memories[key])]
        for key, values in rates.items()
    ]


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    versions = {
        "HAProxy": report.version_of("haproxy", "-v"),
        "nginx": report.version_of("nginx", "-v"),
        "wrk": report.version_of("wrk", "-v"),
    }
    conditions = report.conditions(**versions)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        target, one, hundred, port = (free_port() for _ in range(4))
        with pinned(1):
            stack.enter_context(nginx(target, folder))
        with pinned(0):
            rival = stack.enter_context(haproxy(one, hundred, target, folder))
        env = environment(XDG_RUNTIME_DIR=str(folder))
        identity = Signer(f"127.0.0.1:{port}", "sts", "2011-06-15", ACCOUNT).request("GetCallerIdentity")
        command = cloudarium("up", "--port", str(port), "--data", str(folder / "data"))
        with pinned(0):
            pid, _ = stack.enter_context(running(command, lambda: answers(port, identity), env, folder))
        balancer = Balancer(port, env)
        addresses = balancer.build(target)
        grown = balancer.grow(addresses[0])
        nodes = balancer.nodes()
        proxies = [
            Proxy("Cloudarium", *addresses, lambda: nodes),
            Proxy("HAProxy", f"127.0.0.1:{one}", f"127.0.0.1:{hundred}", lambda: [rival]),
        ]
        rows, hundredfold = measure(proxies, options.seconds, options.rounds)
        streamed = stream(proxies, folder / "www" / "1g", target, options.rounds)
        pss, rss = memory(tree(pid))
    head = ["answer", "ALB req/s", "HAProxy req/s", "ratio", "ALB p50 / p99 ms", "HAProxy p50 / p99 ms"]
    text = f"{conditions} · {CONNECTIONS} connections, {options.seconds} s, median of {options.rounds}, "
    text += "proxy on one processor, wrk and nginx on another; the load balancer had grown to "
    text += f"{grown} nodes under this load before\n\n"
    text += report.table([*head, "CPU µs per request, ALB / HAProxy"], rows) + "\n\n"
    text += f"A hundred rules take {hundredfold:.2f} × the processor time of one (least of each).\n\n"
    text += report.table(["stream", "through", "rate", "memory before", "memory at most"], streamed)
    text += f"\n\nThe whole tree after all this: PSS {pss:.0f} MiB, RSS {rss:.0f} MiB."
    report.publish("alb", text)


if __name__ == "__main__":
    main()
