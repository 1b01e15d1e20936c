"""One cloud, every protocol, several accounts and regions (PLAT-1, 2, 6, 9, 13)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import botocore.exceptions
import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import CommandFailed, RunningCloud


def test_who_am_i(account: Account) -> None:
    """A 12-digit access key id is the account (query protocol)."""
    identity = account.sts.get_caller_identity()
    assert identity["Account"] == account.number
    assert identity["Arn"] == f"arn:aws:iam::{account.number}:root"
    assert account.cli("sts", "get-caller-identity")["Account"] == account.number


def test_each_protocol_is_answered(account: Account) -> None:
    """ec2, query, json, rest-json, rest-xml and rpc-v2-cbor, by our services and by moto."""
    assert len(account.ec2.describe_availability_zones()["AvailabilityZones"]) >= 3
    assert account.elbv2.describe_load_balancers()["LoadBalancers"] == []
    assert account.cloudwatch.list_metrics()["Metrics"] == []
    assert account.cloudtrail.lookup_events()["Events"]
    queue = account.sqs.create_queue(QueueName="q")["QueueUrl"]
    account.sqs.send_message(QueueUrl=queue, MessageBody="hello")
    assert account.sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "hello"
    account.s3.create_bucket(Bucket=f"smoke-{account.number}")
    account.s3.put_object(Bucket=f"smoke-{account.number}", Key="a/b", Body=b"content")
    assert account.s3.get_object(Bucket=f"smoke-{account.number}", Key="a/b")["Body"].read() == b"content"
    assert account.lambda_.list_functions()["Functions"] == []
    account.ssm.put_parameter(Name="/p", Value="v", Type="String")
    assert account.ssm.get_parameter(Name="/p")["Parameter"]["Value"] == "v"


def test_accounts_and_regions_do_not_see_each_other(account: Account, cloud: RunningCloud) -> None:
    """The same names, apart."""
    elsewhere, other = Account(cloud, account.number, "eu-west-1"), Account(cloud, fresh_number())
    vpc = account.ec2.create_vpc(CidrBlock="10.50.0.0/16")["Vpc"]["VpcId"]
    for each in (elsewhere, other):
        with pytest.raises(botocore.exceptions.ClientError, match=r"InvalidVpcID\.NotFound"):
            each.ec2.describe_vpcs(VpcIds=[vpc])
    account.ssm.put_parameter(Name="/only-here", Value="v", Type="String")
    for each in (elsewhere, other):
        with pytest.raises(botocore.exceptions.ClientError, match="ParameterNotFound"):
            each.ssm.get_parameter(Name="/only-here")


def test_the_default_vpc_is_there_when_first_needed(account: Account) -> None:
    """One per region, with a subnet per zone."""
    vpcs = account.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert [vpc["CidrBlock"] for vpc in vpcs] == ["172.31.0.0/16"]
    subnets = account.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    assert len(subnets) == len(account.ec2.describe_availability_zones()["AvailabilityZones"])


def test_every_call_is_recorded(account: Account) -> None:
    """CloudTrail knows who did what, also what failed."""
    account.ec2.create_vpc(CidrBlock="10.51.0.0/16")
    with pytest.raises(botocore.exceptions.ClientError):
        account.ec2.create_vpc(CidrBlock="10.51.0.0/8")
    found = account.cloudtrail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateVpc"}]
    )["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in found]
    assert {record.get("errorCode") for record in records} == {None, "InvalidVpc.Range"}
    assert {record["recipientAccountId"] for record in records} == {account.number}
    assert {record["eventSource"] for record in records} == {"ec2.amazonaws.com"}


def test_what_is_missing_is_refused_by_name(account: Account) -> None:
    """No 200 with nothing behind it."""
    with pytest.raises(botocore.exceptions.ClientError, match="RunInstances"):
        account.ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)


def test_input_is_validated_against_the_model(account: Account) -> None:
    """AWS's words for a value outside its enumeration, without boto3's own checks in the way."""
    with pytest.raises(CommandFailed, match="ValidationError"):
        account.cli("elbv2", "create-target-group", "--name", "x" * 33, "--protocol", "HTTP", "--port", "80")


def test_the_answer_says_who_gave_it(cloud: RunningCloud, account: Account) -> None:
    """A header tells our own services from moto's."""
    ours = account.sts.get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    theirs = account.sqs.list_queues()["ResponseMetadata"]["HTTPHeaders"]
    said = {name: value for name, value in ours.items() if "cloudarium" in name.lower()}
    also = {name: value for name, value in theirs.items() if "cloudarium" in name.lower()}
    assert said and also and said != also
    assert any("moto" in value for value in also.values())


def test_the_ledger_tells_the_truth(cloud: RunningCloud) -> None:
    """``cloudarium coverage``: ours are real or refused by name; moto's are said to be moto's."""
    services = cloud.json("coverage")["services"]
    assert set(services) >= {"cloudtrail", "cloudwatch", "ec2", "elbv2", "sts"}
    assert services["elbv2"]["operations"]["CreateLoadBalancer"].split(":")[0] in ("real", "partial")
    assert services["ec2"]["operations"]["RunInstances"] == "refused"
    assert cloud.json("coverage", "sqs")["services"]["sqs"]["owner"] == "moto"


def test_admin_over_http(cloud: RunningCloud) -> None:
    """The same as the commands, below ``/_cloudarium``."""
    with urllib.request.urlopen(f"{cloud.endpoint}/_cloudarium/health") as answer:
        assert json.load(answer)["status"] == "running"
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(f"{cloud.endpoint}/_cloudarium/nonsense")
    assert failure.value.code == 404


def test_garbage_is_answered_not_swallowed(cloud: RunningCloud, account: Account) -> None:
    """Broken bodies, unknown actions, no signature: an AWS error each, and the cloud goes on."""
    for body, kind in (
        (b"Action=NoSuchThing&Version=2016-11-15", "application/x-www-form-urlencoded"),
        (b"{broken", "application/x-amz-json-1.1"),
        (b"<broken", "application/xml"),
        (b"\xff\x00\xfe", "application/cbor"),
    ):
        request = urllib.request.Request(cloud.endpoint, data=body, headers={"Content-Type": kind})
        with pytest.raises(urllib.error.HTTPError) as failure:
            urllib.request.urlopen(request)
        assert 400 <= failure.value.code < 500
    assert account.sts.get_caller_identity()["Account"] == account.number


def test_reset_forgets_everything(own_cloud: RunningCloud) -> None:
    """``cloudarium reset``."""
    account = Account(own_cloud, fresh_number())
    account.ec2.create_vpc(CidrBlock="10.52.0.0/16")
    own_cloud.run("reset")
    assert [v["IsDefault"] for v in account.ec2.describe_vpcs()["Vpcs"]] == [True]
