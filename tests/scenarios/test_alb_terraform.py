"""The whole stack in Terraform, then proved with curl (issue "Foundations": done when)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support import accesslog, metrics
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.curl import Answer, curl
from tests.support.programs import Program
from tests.support.stack import colours
from tests.support.terraform import Terraform

CONFIGURATION = Path(__file__).parent / "terraform" / "alb"

pytestmark = pytest.mark.timeout(600)


class Site:
    """The applied configuration, with a blue and a green program behind it."""

    def __init__(self, cloud: RunningCloud, folder: Path) -> None:
        self.account = Account(cloud, fresh_number())
        variables = {"endpoint": cloud.endpoint, "account": self.account.number}
        self.terraform = Terraform(CONFIGURATION, folder, variables)
        self.programs = {colour: Program(colour) for colour in ("blue", "green")}
        self.addresses: dict[str, str] = {}
        self.outputs: dict[str, Any] = {}

    def build(self) -> None:
        """Network first, since the programs join its subnets; then everything."""
        self.outputs = self.terraform.apply()
        for index, (colour, program) in enumerate(self.programs.items()):
            subnet = self.outputs["subnets"][index]
            self.addresses[colour] = self.account.attach(program, subnet, self.outputs["targets_group"])
            self.terraform.variables[colour] = [self.addresses[colour]]
        self.outputs = self.terraform.apply()
        self.account.cloud.advance("5m")
        self.entrance = self.account.resolve(self.outputs["dns_name"], 80)

    def get(self, path: str = "/", *arguments: str) -> Answer:
        """A request to the plain loopback address of the listener."""
        return curl(*arguments, f"http://{self.entrance}{path}")


@pytest.fixture(scope="module")
def site(cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Applied once for this module; destroyed in the end, which must leave nothing."""
    made = Site(cloud, tmp_path_factory.mktemp("terraform"))
    try:
        made.build()
        yield made
    finally:
        for program in made.programs.values():
            program.kill()


def test_a_plan_right_after_apply_finds_no_drift(site: Site) -> None:
    """What was applied is what is read back."""
    assert site.terraform.drift() == ""


def test_both_programs_are_healthy(site: Site) -> None:
    """Seen from the API."""
    for colour, arn in site.outputs["target_groups"].items():
        found = site.account.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        assert [(h["Target"]["Id"], h["TargetHealth"]["State"]) for h in found] == [(site.addresses[colour], "healthy")]


def test_the_default_action_weighs_three_to_one(site: Site) -> None:
    """Within three standard deviations."""
    counted = colours(site.get() for _ in range(120))
    assert set(counted) == {"blue", "green"}
    assert 75 <= counted["blue"] <= 105, counted


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/", ("-H", "Host: green.example.com")),
        ("/", ("-H", "Host: A.Green.Example.COM")),
        ("/green/deep/er", ()),
        ("/img/abc.png", ()),
        ("/", ("-H", "X-Colour-Wanted: GREEEN")),
        ("/?colour=green", ()),
        ("/?a=1&whatever=averdantone", ()),
        ("/", ("--interface", "127.0.0.65")),
    ],
)
def test_rules_send_to_green(site: Site, path: str, arguments: tuple[str, ...]) -> None:
    """Host, path, header, query string and source address conditions."""
    assert colours(site.get(path, *arguments) for _ in range(8)) == {"green": 8}


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/", ("-H", "Host: green.example.org")),
        ("/Green/x", ()),
        ("/img/abcd.png", ()),
        ("/", ("-H", "X-Colour-Wanted: blue")),
        ("/?colour=greenish", ()),
        ("/", ("--interface", "127.0.0.128")),
    ],
)
def test_near_misses_fall_through(site: Site, path: str, arguments: tuple[str, ...]) -> None:
    """What matches no rule is served by the default action: some blue among thirty."""
    assert "blue" in colours(site.get(path, *arguments) for _ in range(30))


def test_the_method_rule_answers_by_itself(site: Site) -> None:
    """A fixed response."""
    answer = site.get("/", "-X", "DELETE")
    assert (answer.status, answer.body) == (403, b'{"refused": true}')
    assert answer.header("Content-Type") == "application/json"
    assert site.get("/", "-X", "PURGE").status == 403


def test_plain_http_is_redirected_to_https(site: Site) -> None:
    """The notebook's example: ``https://#{host}:443/#{path}?#{query}`` with HTTP_301."""
    entrance = site.account.resolve(site.outputs["dns_name"], 81)
    answer = curl("-H", "Host: shop.example.com:81", f"http://{entrance}/basket/1?item=a%20b&n=2")
    assert answer.status == 301
    assert answer.header("Location") == "https://shop.example.com:443/basket/1?item=a%20b&n=2"


def test_a_rule_with_two_conditions_redirects(site: Site) -> None:
    """Both must hold; the parts of the request are put into the answer."""
    answer = site.get("/old/page?x=1", "-H", "Host: www.example.com")
    assert answer.status == 302
    assert answer.header("Location") == "http://new.www.example.com:80/moved/old/page?from=80&x=1"
    assert site.get("/old/page", "-H", "Host: example.com").status == 200


def test_cookies_keep_target_and_group(site: Site) -> None:
    """AWSALB within a target group; AWSALBTG between groups."""
    for path, name in (("/sticky", "AWSALB"), ("/groups", "AWSALBTG")):
        first = site.get(path)
        cookies = {c.split("=")[0]: c.split(";")[0] for c in first.all("Set-Cookie")}
        assert name in cookies, cookies
        again = [site.get(path, "-H", f"Cookie: {cookies[name]}") for _ in range(10)]
        assert colours(again) == {first.colour: 10}


def test_the_one_port_serves_the_load_balancer_too(site: Site) -> None:
    """By Host header: the DNS name, or the short name below elb.localhost, with the listener's port if not 80."""
    account = site.account
    assert account.curl(site.outputs["dns_name"]).status == 200
    assert account.curl("scenario.elb.localhost").status == 200
    assert account.curl(f"{site.outputs['dns_name']}:81").status == 301


def test_logs_and_metrics_tell_what_happened(site: Site) -> None:
    """Each request of this test is one line in S3, and is counted at the node that took it."""
    for _ in range(10):
        site.get("/counted?colour=green")
    site.account.cloud.advance("6m")
    entries = [e for e in accesslog.read(site.account.s3, site.outputs["bucket"], "alb/") if "/counted" in e["request"]]
    assert len(entries) == 10
    assert {e["target_group_arn"] for e in entries} == {site.outputs["target_groups"]["green"]}
    assert {e["matched_rule_priority"] for e in entries} == {"40"}
    name = site.outputs["load_balancer"]
    whole = metrics.total(site.account, "RequestCount", LoadBalancer=name)
    nodes = [
        metrics.total(site.account, "RequestCount", LoadBalancer=name, AvailabilityZone=zone)
        for zone in site.outputs["zones"]
    ]
    assert whole >= 10 and sum(nodes) == whole


def test_destroy_leaves_nothing(site: Site) -> None:
    """The last test of the module: after detaching the programs nothing of the stack is left."""
    for address in site.addresses.values():
        site.account.detach(address)
    site.terraform.variables |= {"blue": [], "green": []}
    site.terraform.destroy()
    account = site.account
    assert not account.elbv2.describe_load_balancers()["LoadBalancers"]
    assert not account.elbv2.describe_target_groups()["TargetGroups"]
    assert not [v for v in account.ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]]
    assert not account.ec2.describe_addresses()["Addresses"]
    assert not [
        i for i in account.ec2.describe_network_interfaces()["NetworkInterfaces"] if i["VpcId"] == site.outputs["vpc"]
    ]
    assert not account.s3.list_buckets()["Buckets"]
