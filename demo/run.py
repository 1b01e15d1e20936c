"""The demo, built with the AWS CLI and watched: two programs behind a load balancer, of which one is killed, and an
ECS service of containers that is updated while traffic flows.

python demo/run.py           build it, show it, leave it running
python demo/run.py --stop    remove a demo that was left running
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rollout import CannotRunContainers, Rollout
from shell import PORT, DemoFailed, Shell, any_free_port, is_free
from table import Table
from traffic import Traffic

COLOURS = ("blue", "green")
ZONES = ("us-east-1a", "us-east-1b")
ROUND_ROBIN, CANARY = "/", "/canary"


def state_file() -> Path:
    """Where a demo that was left running is remembered."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    try:
        folder = Path(base) / "cloudarium"
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # an ordinary user without a home
        folder = Path(os.environ.get("TMPDIR", "/tmp"), f"cloudarium-demo-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "demo.json"


def stop_earlier() -> bool:
    """Stop the demo that an earlier run left, programs included. Whether there was one."""
    path = state_file()
    try:
        port, agent = (int(json.loads(path.read_text())[key]) for key in ("port", "agent"))
    except (OSError, ValueError, KeyError):
        return False
    path.unlink()
    shell = Shell(port)
    try:
        running = int(json.loads(shell.cloudarium("status", "--json", quiet=True))["pid"])
    except (DemoFailed, ValueError, KeyError):
        return False
    if running != agent:
        return False
    shell.cloudarium("down")
    return True


def start_program(colour: str, agent: int, port: int = 0) -> tuple[subprocess.Popen[str], int]:
    """A program of its own session: it outlives the demo, not the cloud."""
    command = [sys.executable, str(Path(__file__).with_name("program.py"))]
    command += ["--colour", colour, "--port", str(port), "--while", str(agent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.strip():
        raise DemoFailed(f"the {colour} program did not start")
    return process, int(line)


def heading(text: str) -> None:
    """What comes next."""
    print(f"\n== {text}", flush=True)


class Demo:
    """One run."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.agent = 0
        self.ports: dict[str, int] = {}
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.groups: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self.rule = self.host = self.balancer = self.listener = ""

    def start(self) -> None:
        """The cloud and the two programs."""
        heading("A cloud, and two programs on this machine")
        print(self.shell.cloudarium("up", "--port", str(self.shell.port), "--ephemeral", "--detach"))
        self.agent = int(json.loads(self.shell.cloudarium("status", "--json", quiet=True))["pid"])
        state_file().write_text(json.dumps({"port": self.shell.port, "agent": self.agent}))
        for colour in COLOURS:
            self.processes[colour], self.ports[colour] = start_program(colour, self.agent)
            print(f"  {colour}: process {self.processes[colour].pid} listens on 127.0.0.1:{self.ports[colour]}")

    def network(self) -> tuple[str, list[str], str, str]:
        """A VPC with two public subnets; returns all three and the two security groups."""
        aws = self.shell.aws
        heading("A network, with nothing but the AWS CLI")
        vpc = aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", want="Vpc.VpcId", name="VPC")
        subnets = []
        for index, zone in enumerate(ZONES):
            options = ["--cidr-block", f"10.0.{index}.0/24", "--availability-zone", zone]
            made = ["ec2", "create-subnet", "--vpc-id", vpc, *options]
            subnets.append(aws(*made, want="Subnet.SubnetId", name=f"SUBNET_{zone[-1].upper()}"))
        gateway = aws("ec2", "create-internet-gateway", want="InternetGateway.InternetGatewayId", name="IGW")
        aws("ec2", "attach-internet-gateway", "--internet-gateway-id", gateway, "--vpc-id", vpc)
        of_vpc = f"Name=vpc-id,Values={vpc}"
        tables = ["ec2", "describe-route-tables", "--filters", of_vpc]
        table = aws(*tables, want="RouteTables[0].RouteTableId", name="TABLE")
        everywhere = ["--destination-cidr-block", "0.0.0.0/0", "--gateway-id", gateway]
        aws("ec2", "create-route", "--route-table-id", table, *everywhere)
        made = ["ec2", "create-security-group", "--vpc-id", vpc]
        front = aws(*made, "--group-name", "front", "--description", "load balancer", want="GroupId", name="FRONT")
        back = aws(*made, "--group-name", "back", "--description", "programs", want="GroupId", name="BACK")
        permit = ["ec2", "authorize-security-group-ingress", "--protocol", "tcp", "--port", "80", "--group-id"]
        aws(*permit, front, "--cidr", "0.0.0.0/0")
        aws(*permit, back, "--source-group", front)
        return vpc, subnets, front, back

    def load_balancer(self, vpc: str, subnets: list[str], front: str, back: str) -> None:
        """The load balancer: everyone in turn at /, three to one at /canary."""
        aws = self.shell.aws
        heading("The programs join the network; a load balancer goes before them")
        checks = ["--health-check-interval-seconds", "5", "--health-check-timeout-seconds", "2"]
        checks += ["--healthy-threshold-count", "2", "--unhealthy-threshold-count", "2"]
        options = ["--protocol", "HTTP", "--port", "80", "--vpc-id", vpc, "--target-type", "ip", *checks]
        for name in ("both", *COLOURS):
            made = ["elbv2", "create-target-group", "--name", name, *options]
            self.groups[name] = aws(*made, want="TargetGroups[0].TargetGroupArn", name=f"GROUP_{name.upper()}")
        for colour, subnet in zip(COLOURS, subnets, strict=True):
            joined = ["--subnet", subnet, "--security-group", back, "--port", "80"]
            joined += ["--to", f"127.0.0.1:{self.ports[colour]}", "--json"]
            attached = self.shell.cloudarium("attach", *joined)
            print(f"  {attached}")
            address = self.addresses[colour] = str(json.loads(attached)["PrivateIpAddress"])
            self.shell.name(f"{colour.upper()}_IP", address)
            aws("elbv2", "register-targets", "--target-group-arn", self.groups[colour], "--targets", f"Id={address}")
        members = [f"Id={address}" for address in self.addresses.values()]
        aws("elbv2", "register-targets", "--target-group-arn", self.groups["both"], "--targets", *members)
        placed = ["--name", "demo", "--subnets", *subnets, "--security-groups", front]
        arn = "LoadBalancers[0].LoadBalancerArn"
        self.balancer = aws("elbv2", "create-load-balancer", *placed, want=arn, name="LB")
        self.host = aws(
            *("elbv2", "describe-load-balancers", "--load-balancer-arns", self.balancer),
            want="LoadBalancers[0].DNSName",
            name="NAME",
        )
        default = f"Type=forward,TargetGroupArn={self.groups['both']}"
        on = ["--load-balancer-arn", self.balancer, "--protocol", "HTTP", "--port", "80", "--default-actions", default]
        listener = aws("elbv2", "create-listener", *on, want="Listeners[0].ListenerArn", name="LISTENER")
        self.listener = listener
        condition = f"Field=path-pattern,Values={CANARY}"
        rule = ["--listener-arn", listener, "--priority", "1", "--conditions", condition]
        rule += ["--actions", self.weights(3, 1)]
        self.rule = aws("elbv2", "create-rule", *rule, want="Rules[0].RuleArn", name="RULE")
        self.shell.cloudarium("clock", "advance", "2m")

    def weights(self, blue: int, green: int) -> str:
        """A forward action that weighs the two groups."""
        pairs = zip(COLOURS, (blue, green), strict=True)
        groups = [{"TargetGroupArn": self.groups[colour], "Weight": weight} for colour, weight in pairs]
        return json.dumps([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])

    def weigh(self, blue: int, green: int) -> None:
        """Move weight between the groups at /canary."""
        rule = ["--rule-arn", self.rule, "--actions", self.weights(blue, green)]
        self.shell.aws("elbv2", "modify-rule", *rule)

    def watch(self) -> None:
        """Traffic, a death, the failover, the operator's hand, the recovery."""
        heading("Traffic: / goes to both in turn, /canary three to one")
        traffic = Traffic(self.shell.port, self.host, (ROUND_ROBIN, CANARY))
        table = Table(self.shell.port, self.balancer, self.groups["both"], self.addresses, traffic)
        try:
            table.rows(3)
            blue = self.processes["blue"]
            heading("blue is killed: 502 until its health checks have failed twice")
            print(f"$ kill -9 {blue.pid}")
            os.kill(blue.pid, signal.SIGKILL)
            blue.wait()
            table.rows(2)
            heading("Time is a tool here: a minute passes at once, with every health check and metric in it")
            self.shell.cloudarium("clock", "advance", "1m")
            table.rows(3)
            heading("/ has failed over. AWS does not move weights between groups by itself: somebody does")
            self.weigh(0, 1)
            table.rows(2)
            heading("blue is started again, found healthy, and gets its share")
            self.processes["blue"], _ = start_program("blue", self.agent, self.ports["blue"])
            self.weigh(3, 1)
            self.shell.cloudarium("clock", "advance", "1m")
            table.rows(3)
        finally:
            traffic.stop()
        table.require_recovery()

    def containers(self, vpc: str, subnets: list[str], front: str) -> None:
        """An ECS service behind the same load balancer, updated while people use it."""
        heading("Containers: an ECS service behind the same load balancer, at /web")
        rollout = Rollout(self.shell, self.listener, self.host)
        try:
            rollout.build(vpc, subnets, front)
        except CannotRunContainers as reason:
            print(f"Left out, because containers cannot run here: {reason}")
            return
        heading("A new version: four new tasks first, then the old ones drain and stop. No request is lost")
        rollout.watch()

    def farewell(self) -> None:
        """What to try next."""
        port, group = self.shell.port, self.groups["both"]
        option = "" if port == PORT else f" --port {port}"
        there = f"http://127.0.0.1:{port}{CANARY}"
        lines = [
            ('eval "$(cloudarium env' + option + ')"', ""),
            (f"curl http://demo.elb.localhost:{port}/", "or open it in a browser, and reload"),
            (f"curl -H 'Host: {self.host}' {there}", ""),
            (f"aws elbv2 describe-target-health --target-group-arn {group}", ""),
            (f"kill {self.processes['green'].pid}", "green; blue takes over"),
            ("cloudarium clock advance 1h", "an hour of health checks and metrics"),
            ("aws cloudwatch list-metrics --namespace AWS/ApplicationELB", ""),
            ("aws cloudtrail lookup-events --max-results 5", ""),
            ("cloudarium coverage elbv2", "what is real, partial, refused"),
            (f"cloudarium down{option}", "ends the cloud and both programs"),
        ]
        if "VIRTUAL_ENV" not in os.environ:
            lines.insert(0, (f'export PATH="{Path(sys.executable).parent}:$PATH"', ""))
        heading("It goes on running. To try next:")
        print()
        for command, comment in lines:
            print(f"  {command:<60}  # {comment}" if comment else f"  {command}")


def main() -> int:
    """Run it; the exit status is 1 with the reason on standard error when something fails."""
    parser = argparse.ArgumentParser(description="Two programs behind a load balancer, watched while one is killed.")
    parser.add_argument("--stop", action="store_true", help="remove a demo that was left running")
    options = parser.parse_args()
    began = time.monotonic()
    demo = None
    try:
        if stop_earlier():
            print("The demo of an earlier run was stopped" + ("." if options.stop else "; here is a new one."))
        elif options.stop:
            print("No demo is running.")
        if options.stop:
            return 0
        port = PORT if is_free(PORT) else any_free_port()
        if port != PORT:
            print(f"Port {PORT} is taken by something else: this demo uses port {port}.")
        demo = Demo(Shell(port))
        demo.start()
        vpc, subnets, front, back = demo.network()
        demo.load_balancer(vpc, subnets, front, back)
        demo.watch()
        demo.containers(vpc, subnets, front)
    except (DemoFailed, subprocess.TimeoutExpired, KeyboardInterrupt) as failure:
        print(f"\nThe demo failed: {failure or 'interrupted'}", file=sys.stderr)
        if demo is not None and demo.agent:
            stop_earlier()
        return 1
    demo.farewell()
    print(f"({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
