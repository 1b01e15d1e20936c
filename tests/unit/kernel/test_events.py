from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.events import Events
from cloudarium.kernel.service import snake_case
from cloudarium.kernel.store import Scope, Store

HERE = Scope("000000000000", "us-east-1")


async def test_events_are_kept_and_heard() -> None:
    clock = Clock(ClockState(0, 1_600_000_000, 0))
    events = Events(clock, Store(None))
    heard: list[str] = []
    events.listen("aws.ec2", "X", lambda event: heard.append(event.id))
    event = events.emit(HERE, "aws.ec2", "X", {"state": "on"}, ["arn:aws:ec2:::x"])
    events.emit(HERE, "aws.ec2", "Y", {})
    assert heard == [event.id]
    assert [e.detail_type for e in events.recent(HERE)] == ["Y", "X"]
    assert events.recent(HERE)[1].time == "2020-09-13T12:26:40Z"


def test_names_become_what_botocore_calls_them() -> None:
    from botocore import xform_name

    for name in ("DescribeVpcs", "DescribeSSLPolicies", "CreateNetworkAclEntry", "AssumeRoleWithSAML", "ListMFADevices",
                 "GetMetricData", "DescribeIpv6Pools", "DescribeDBClusters", "GetEbsEncryptionByDefault"):  # fmt: skip
        assert snake_case(name) == xform_name(name)
