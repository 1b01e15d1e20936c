"""The cloud's names as programs on the host may ask for them: DNS over UDP on the one port's number."""

from __future__ import annotations

import socket

import dnslib
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.stack import Stack


def ask(cloud: RunningCloud, name: str, kind: str = "A") -> dnslib.DNSRecord:
    """What a resolver would send, and what it gets."""
    query = dnslib.DNSRecord.question(name, kind)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(bytes(query.pack()), ("127.0.0.1", cloud.port))
        answer = dnslib.DNSRecord.parse(client.recv(4096))
    assert answer.header.id == query.header.id
    return answer


def values(answer: dnslib.DNSRecord) -> list[str]:
    """The records' values."""
    return [str(record.rdata) for record in answer.rr]


def test_names_of_the_cloud(account: Account) -> None:
    """Load balancers are at loopback; what lives in a VPC has its address there; other names do not exist."""
    stack = Stack(account)
    group = stack.target_group()
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    answer = ask(account.cloud, balancer["DNSName"])
    assert values(answer) == ["127.0.0.1"]
    interface = account.ec2.create_network_interface(SubnetId=stack.subnets[0])["NetworkInterface"]
    address = interface["PrivateIpAddress"]
    assert values(ask(account.cloud, f"ip-{address.replace('.', '-')}.ec2.internal")) == [address]
    namespace = account.servicediscovery.create_public_dns_namespace(Name="people.test")
    operation = account.servicediscovery.get_operation(OperationId=namespace["OperationId"])["Operation"]
    service = account.servicediscovery.create_service(
        Name="db",
        NamespaceId=operation["Targets"]["NAMESPACE"],
        DnsConfig={"DnsRecords": [{"Type": "SRV", "TTL": 10}]},
    )["Service"]["Id"]
    attributes = {"AWS_INSTANCE_IPV4": "10.1.2.3", "AWS_INSTANCE_PORT": "5432"}
    account.servicediscovery.register_instance(ServiceId=service, InstanceId="one", Attributes=attributes)
    assert values(ask(account.cloud, "db.people.test", "SRV")) == ["1 1 5432 one.db.people.test."]
    assert values(ask(account.cloud, "one.db.people.test")) == ["10.1.2.3"]
    assert values(ask(account.cloud, "sts.us-east-1.amazonaws.com")) == ["127.0.0.1"]
    unknown = ask(account.cloud, "www.example.org")
    assert unknown.header.rcode == dnslib.RCODE.NXDOMAIN and not unknown.rr
