"""What the DNS of namespaces answers."""

from __future__ import annotations

from typing import Any

import pytest

from cloudarium.kernel.store import Scope, Store
from cloudarium.services.servicediscovery.dns import MapNames
from cloudarium.services.servicediscovery.resources import DnsRecord, Instance, MapService, Namespace, instance_key

SCOPE = Scope("111122223333", "us-east-1")
_NAMESPACES = (("p", "corp.local", "DNS_PRIVATE", "vpc-1"), ("e", "example.com", "DNS_PUBLIC", ""))


class Map:
    """A private namespace ``corp.local`` in ``vpc-1``, and a public one ``example.com``."""

    def __init__(self) -> None:
        self.store = Store(None)
        self.names = MapNames(self.store)
        for id_, name, kind, vpc in (
            ("p", "corp.local", "DNS_PRIVATE", "vpc-1"),
            ("e", "example.com", "DNS_PUBLIC", ""),
        ):
            namespace = Namespace(
                id=id_, arn="", name=name, kind=kind, http_name=name, dns_name=name, vpc_id=vpc, created=0.0
            )
            self.store.table(Namespace).put(SCOPE, namespace)

    def service(self, name: str, *types: str, namespace: str = "p", **options: Any) -> None:
        """A service with records of these types."""
        domain = {"p": "corp.local", "e": "example.com"}[namespace]
        made = MapService(
            id=name,
            arn="",
            name=name,
            namespace_id=namespace,
            full_name=f"{name}.{domain}",
            routing_policy=options.pop("policy", "MULTIVALUE"),
            records=tuple(DnsRecord(each, 10) for each in types),
            created=0.0,
            **options,
        )
        self.store.table(MapService).put(SCOPE, made)

    def instance(self, service: str, name: str, health: str = "HEALTHY", **attributes: str) -> None:
        """An instance; attributes without their prefix."""
        made = Instance(
            key=instance_key(service, name),
            id=name,
            service_id=service,
            health=health,
            attributes={f"AWS_INSTANCE_{key.upper()}" if key != "alias" else "AWS_ALIAS_DNS_NAME": value
                        for key, value in attributes.items()},
        )  # fmt: skip
        self.store.table(Instance).put(SCOPE, made)


@pytest.fixture
def known() -> Map:
    return Map()


def test_addresses_of_a_service(known: Map) -> None:
    """All of a few, eight of many; one where the policy is WEIGHTED."""
    known.service("db", "A")
    assert known.names("vpc-1", "db.corp.local", "A") is None, "no instance, no name"
    for number in range(3):
        known.instance("db", f"i{number}", ipv4=f"10.0.0.{number}")
    assert sorted(known.names("vpc-1", "db.corp.local", "A") or []) == ["10.0.0.0", "10.0.0.1", "10.0.0.2"]
    assert known.names("vpc-1", "db.corp.local", "AAAA") == []
    for number in range(3, 20):
        known.instance("db", f"i{number}", ipv4=f"10.0.0.{number}")
    asked = [known.names("vpc-1", "db.corp.local", "A") or [] for _ in range(50)]
    assert {len(set(each)) for each in asked} == {8}
    assert {value for each in asked for value in each} == {f"10.0.0.{number}" for number in range(20)}
    known.service("one", "A", policy="WEIGHTED")
    for number in range(3):
        known.instance("one", f"i{number}", ipv4=f"10.0.1.{number}")
    asked = [known.names("vpc-1", "one.corp.local", "A") or [] for _ in range(60)]
    assert {len(each) for each in asked} == {1} and len({each[0] for each in asked}) == 3


def test_only_healthy_instances_unless_none_is(known: Map) -> None:
    """As Route 53 answers."""
    known.service("db", "A", custom_health=True)
    known.instance("db", "a", ipv4="10.0.0.1")
    known.instance("db", "b", "UNHEALTHY", ipv4="10.0.0.2")
    assert known.names("vpc-1", "db.corp.local", "A") == ["10.0.0.1"]
    known.instance("db", "a", "UNHEALTHY", ipv4="10.0.0.1")
    assert sorted(known.names("vpc-1", "db.corp.local", "A") or []) == ["10.0.0.1", "10.0.0.2"]


def test_private_names_stay_in_their_vpc(known: Map) -> None:
    """Public ones are known everywhere; nobody else's names are touched."""
    known.service("db", "A")
    known.instance("db", "a", ipv4="10.0.0.1")
    known.service("web", "A", namespace="e")
    known.instance("web", "a", ipv4="203.0.113.1")
    assert known.names("vpc-2", "db.corp.local", "A") is None
    assert known.names("vpc-2", "web.example.com", "A") == ["203.0.113.1"]
    assert known.names("vpc-1", "corp.local", "A") == []
    assert known.names("vpc-1", "other.example.org", "A") is None
    assert known.names("vpc-1", "unknown.corp.local", "A") is None


def test_srv_records_name_instances(known: Map) -> None:
    """And each of those names has its instance's address."""
    known.service("_http._tcp", "SRV")
    known.instance("_http._tcp", "task.1", ipv4="10.0.0.1", port="8080")
    assert known.names("vpc-1", "_http._tcp.corp.local", "SRV") == ["1 1 8080 task.1._http._tcp.corp.local."]
    assert known.names("vpc-1", "task.1._http._tcp.corp.local", "A") == ["10.0.0.1"]
    assert known.names("vpc-1", "task.2._http._tcp.corp.local", "A") is None
    known.service("db", "A")
    known.instance("db", "a", ipv4="10.0.0.1")
    assert known.names("vpc-1", "a.db.corp.local", "A") is None, "A records name services only"


def test_aliases_and_cnames_point_elsewhere(known: Map) -> None:
    """The server follows what CNAME says."""
    known.service("lb", "A", policy="WEIGHTED")
    known.instance("lb", "a", alias="my-1.us-east-1.elb.amazonaws.com")
    assert known.names("vpc-1", "lb.corp.local", "A") == []
    assert known.names("vpc-1", "lb.corp.local", "CNAME") == ["my-1.us-east-1.elb.amazonaws.com."]
    known.service("www", "CNAME", policy="WEIGHTED")
    known.instance("www", "a", cname="example.com")
    assert known.names("vpc-1", "www.corp.local", "CNAME") == ["example.com"]
    known.service("api", http_only=True)
    known.instance("api", "a", ipv4="10.0.0.1")
    assert known.names("vpc-1", "api.corp.local", "A") is None
