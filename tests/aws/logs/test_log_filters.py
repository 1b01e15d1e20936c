"""What acts on events as they come in: metric filters, subscriptions, live tails, exports."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import until


class Group:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.logs = account.logs
        self.logs.create_log_group(logGroupName="g")
        self.logs.create_log_stream(logGroupName="g", logStreamName="web/1")

    def put(self, *messages: str) -> None:
        now = int(self.account.now() * 1000)
        events = [{"timestamp": now, "message": message} for message in messages]
        self.logs.put_log_events(logGroupName="g", logStreamName="web/1", logEvents=events)

    def metric_filter(self, pattern: str, *, name: str = "f", **transformation: Any) -> None:
        given = {"metricName": name, "metricNamespace": "App", "metricValue": "1"} | transformation
        self.logs.put_metric_filter(
            logGroupName="g", filterName=name, filterPattern=pattern, metricTransformations=[given]
        )

    def sums(self, name: str, namespace: str = "App", **dimensions: str) -> list[float]:
        """The metric's sums of the minutes that have any, oldest first."""
        now = datetime.fromtimestamp(self.account.now(), UTC)
        found = self.account.cloudwatch.get_metric_statistics(
            Namespace=namespace, MetricName=name, Statistics=["Sum"], Period=60,
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1),
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        )["Datapoints"]  # fmt: skip
        return [point["Sum"] for point in sorted(found, key=lambda point: point["Timestamp"])]


@pytest.fixture
def group(account: Account) -> Group:
    return Group(account)


def test_metric_filters_count_and_measure(group: Group) -> None:
    group.metric_filter("ERROR", name="errors")
    group.metric_filter("{ $.latency = * }", name="latency", metricValue="$.latency", unit="Milliseconds")
    group.metric_filter("[ip, bytes > 10]", name="bytes", metricValue="$bytes", dimensions={"Ip": "$ip"})
    group.put("ERROR one", "fine", "ERROR two", '{"latency": 12.5}', '{"latency": "7.5"}', '{"latency": "none"}')
    group.put("10.0.0.1 100", "10.0.0.2 50", "10.0.0.1 5", "10.0.0.1 11")
    assert sum(group.sums("errors")) == 2
    assert sum(group.sums("latency")) == 20
    assert sum(group.sums("bytes", Ip="10.0.0.1")) == 111
    assert sum(group.sums("bytes", Ip="10.0.0.2")) == 50
    assert sum(group.sums("IncomingLogEvents", "AWS/Logs", LogGroupName="g")) == 10
    assert sum(group.sums("IncomingBytes", "AWS/Logs", LogGroupName="g")) > 100
    assert sum(group.sums("IncomingLogEvents", "AWS/Logs")) == 10, "the account's"
    assert group.logs.describe_log_groups()["logGroups"][0]["metricFilterCount"] == 3
    by_metric = group.logs.describe_metric_filters(metricName="latency", metricNamespace="App")["metricFilters"]
    assert [each["filterName"] for each in by_metric] == ["latency"]
    group.logs.delete_metric_filter(logGroupName="g", filterName="errors")
    group.put("ERROR three")
    assert sum(group.sums("errors")) == 2


def test_the_default_value_is_for_minutes_with_events_and_no_match(group: Group) -> None:
    group.metric_filter("ERROR", name="errors", defaultValue=0)
    group.account.cloud.advance("60s")
    group.put("fine")
    group.account.cloud.advance("60s")
    assert group.sums("errors") == [0]
    group.account.cloud.advance("120s")
    assert group.sums("errors") == [0], "a minute without events has no point"
    group.put("fine", "ERROR")
    group.account.cloud.advance("60s")
    assert group.sums("errors") == [0, 1]


@pytest.mark.parametrize(
    ("pattern", "transformation", "words"),
    [
        ("ERROR", {"dimensions": {"a": "$.a"}}, "does not support dimensions"),
        ("{ $.a = 1 }", {"dimensions": {"a": "$.a"}, "defaultValue": 0}, "mutually exclusive"),
        ("ERROR", {"metricValue": "$.a"}, "neither a number nor a field"),
        ("[a, b]", {"metricValue": "$c"}, "neither a number nor a field"),
        ("{ $.a", {}, "must end with '}'"),
    ],
)
def test_bad_metric_filters(group: Group, pattern: str, transformation: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as caught:
        group.metric_filter(pattern, **transformation)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"


def test_patterns_with_regular_expressions_are_limited(group: Group) -> None:
    for number in range(5):
        group.metric_filter("%x%", name=f"f{number}")
    group.metric_filter("%y%", name="f0")
    with pytest.raises(ClientError, match="LimitExceededException"):
        group.metric_filter("%x%", name="one too many")


def test_a_pattern_can_be_tried(group: Group) -> None:
    lines = ['127.0.0.1 - frank "GET /" 1534', " "]
    (match,) = group.logs.test_metric_filter(filterPattern="[..., size]", logEventMessages=lines)["matches"]
    assert (match["eventNumber"], match["eventMessage"]) == (1, lines[0])
    assert match["extractedValues"]["$size"] == "1534"


def records(kinesis: Any, name: str) -> list[dict[str, Any]]:
    (shard,) = kinesis.describe_stream(StreamName=name)["StreamDescription"]["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]  # fmt: skip
    found = kinesis.get_records(ShardIterator=iterator)["Records"]
    return [json.loads(gzip.decompress(record["Data"])) for record in found]


def test_a_subscription_to_kinesis(group: Group) -> None:
    kinesis = group.account.kinesis
    kinesis.create_stream(StreamName="k", ShardCount=1)
    arn = f"arn:aws:kinesis:us-east-1:{group.account.number}:stream/k"
    role = f"arn:aws:iam::{group.account.number}:role/r"
    group.put("ERROR before")
    group.logs.put_subscription_filter(
        logGroupName="g", filterName="sub", filterPattern="ERROR", destinationArn=arn, roleArn=role
    )
    group.put("ERROR one", "fine", "ERROR two")
    until(lambda: len(records(kinesis, "k")) == 2, "the events are delivered")
    control, data = records(kinesis, "k")
    assert control["messageType"] == "CONTROL_MESSAGE"
    assert (data["owner"], data["logGroup"], data["logStream"]) == (group.account.number, "g", "web/1")
    assert [event["message"] for event in data["logEvents"]] == ["ERROR one", "ERROR two"]
    assert data["subscriptionFilters"] == ["sub"]
    (shown,) = group.logs.describe_subscription_filters(logGroupName="g")["subscriptionFilters"]
    assert (shown["destinationArn"], shown["distribution"]) == (arn, "ByLogStream")
    dimensions = {"LogGroupName": "g", "DestinationType": "Kinesis", "FilterName": "sub"}
    until(lambda: sum(group.sums("ForwardedLogEvents", "AWS/Logs", **dimensions)) == 2, "the metric is there")
    group.logs.delete_subscription_filter(logGroupName="g", filterName="sub")
    assert group.logs.describe_subscription_filters(logGroupName="g")["subscriptionFilters"] == []


def test_a_subscription_tells_fields_and_where_events_come_from(group: Group) -> None:
    kinesis = group.account.kinesis
    kinesis.create_stream(StreamName="k3", ShardCount=1)
    arn = f"arn:aws:kinesis:us-east-1:{group.account.number}:stream/k3"
    group.logs.put_subscription_filter(
        logGroupName="g", filterName="sub", filterPattern="[level = ERROR, ..., size]", destinationArn=arn,
        roleArn="arn:aws:iam::1:role/r", emitSystemFields=["@aws.account", "@aws.region", "@source.log"],
    )  # fmt: skip
    group.put("ERROR a 12", "fine", "ERROR 7")
    until(lambda: len(records(kinesis, "k3")) == 2, "the events are delivered")
    one, two = records(kinesis, "k3")[1]["logEvents"]
    assert one["extractedFields"] == {"level": "ERROR", "2": "a", "size": "12"}
    assert two["extractedFields"] == {"level": "ERROR", "size": "7"}
    assert (one["@aws.account"], one["@aws.region"], one["@source.log"]) == (group.account.number, "us-east-1", "g")


def test_a_subscription_of_the_account(group: Group) -> None:
    """Every group but the excluded ones is delivered, from when the policy was made, also groups made later."""
    kinesis, logs = group.account.kinesis, group.logs
    kinesis.create_stream(StreamName="k5", ShardCount=1)
    arn = f"arn:aws:kinesis:us-east-1:{group.account.number}:stream/k5"
    document = {"DestinationArn": arn, "RoleArn": "arn:aws:iam::1:role/r", "FilterPattern": "ERROR"}
    policy = {"policyName": "all", "policyType": "SUBSCRIPTION_FILTER_POLICY"}
    group.put("ERROR before")
    for wrong, words in (
        ({"FilterPattern": "x"}, "DestinationArn"),
        ({**document, "FilterPattern": "{"}, "must end with"),
        ({**document, "Distribution": "x"}, "Distribution"),
        ({**document, "DestinationArn": arn + "no"}, "Could not deliver test message"),
        ({**document, "More": 1}, "More"),
    ):
        with pytest.raises(ClientError, match=words) as caught:
            logs.put_account_policy(policyDocument=json.dumps(wrong), **policy)
        assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
    made = logs.put_account_policy(
        policyDocument=json.dumps(document), selectionCriteria='LogGroupName NOT IN ["loop"]', **policy
    )["accountPolicy"]
    assert logs.describe_account_policies(policyType=policy["policyType"])["accountPolicies"] == [made]
    for name in ("loop", "later"):
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="s")
        events = [{"timestamp": int(group.account.now() * 1000), "message": f"ERROR {name}"}]
        logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
    until(lambda: len(records(kinesis, "k5")) == 2, "the later group's event is delivered")
    group.put("fine", "ERROR after")
    until(lambda: len(records(kinesis, "k5")) == 3, "the older group's event is delivered")
    delivered = records(kinesis, "k5")[1:]
    assert {(each["logGroup"], each["logEvents"][0]["message"]) for each in delivered} == {
        ("later", "ERROR later"), ("g", "ERROR after"),
    }  # fmt: skip
    assert {each["policyLevel"] for each in delivered} == {"ACCOUNT_LEVEL_POLICY"}
    with pytest.raises(ClientError, match="LimitExceededException"):
        logs.put_account_policy(policyDocument=json.dumps(document), **{**policy, "policyName": "other"})
    logs.delete_account_policy(**policy)
    group.put("ERROR unseen")
    logs.put_account_policy(policyDocument=json.dumps(document), **policy)
    group.put("ERROR seen")
    until(lambda: len(records(kinesis, "k5")) == 5, "delivery begins anew")
    assert records(kinesis, "k5")[4]["logEvents"][0]["message"] == "ERROR seen"
    logs.delete_account_policy(**policy)


def test_system_fields_are_dimensions_too(group: Group) -> None:
    def put(**more: Any) -> None:
        given = {"metricName": "m", "metricNamespace": "App", "metricValue": "1"} | more
        group.logs.put_metric_filter(
            logGroupName="g", filterName="f", filterPattern="[a, b]", metricTransformations=[given],
            emitSystemFieldDimensions=["@aws.account", "@aws.region"],
        )  # fmt: skip

    with pytest.raises(ClientError, match="at most 3 dimensions"):
        put(dimensions={"A": "$a", "B": "$b"})
    put(defaultValue=0)
    where = {"@aws.account": group.account.number, "@aws.region": "us-east-1"}
    group.account.cloud.advance("60s")
    group.put("alone")
    group.account.cloud.advance("60s")
    group.put("a b")
    assert group.sums("m", **where) == [0, 1]


def test_subscriptions_that_are_refused(group: Group) -> None:
    def put(arn: str, name: str = "s") -> str:
        with pytest.raises(ClientError) as caught:
            group.logs.put_subscription_filter(
                logGroupName="g", filterName=name, filterPattern="", destinationArn=arn, roleArn="arn:aws:iam::1:role/r"
            )
        return str(caught.value.response["Error"]["Message"])

    base = f"us-east-1:{group.account.number}"
    assert "Could not deliver test message to specified Kinesis stream" in put(f"arn:aws:kinesis:{base}:stream/none")
    assert "Could not execute the lambda function" in put(f"arn:aws:lambda:{base}:function:none")
    assert "Could not find the specified destination" in put(f"arn:aws:logs:{base}:destination:none")
    assert "Invalid destination ARN" in put(f"arn:aws:sqs:{base}:q")
    group.account.kinesis.create_stream(StreamName="k2", ShardCount=1)
    arn = f"arn:aws:kinesis:{base}:stream/k2"
    group.logs.put_destination(destinationName="d", targetArn=arn, roleArn="arn:aws:iam::1:role/r")
    destination = group.logs.describe_destinations()["destinations"][0]["arn"]
    for name, where in (("one", arn), ("two", destination)):
        group.logs.put_subscription_filter(
            logGroupName="g", filterName=name, filterPattern="", destinationArn=where, roleArn="arn:aws:iam::1:role/r"
        )
    assert put(arn, "three") == "Resource limit exceeded."


def test_a_live_tail(group: Group) -> None:
    """A session starts, then tells every second of what matched; ending it frees it."""
    logs = boto3.client(
        "logs", endpoint_url=group.account.cloud.endpoint, region_name="us-east-1",
        aws_access_key_id=group.account.number, aws_secret_access_key="x",
        # The endpoint is an address: AWS's own prefix for this call cannot be put before it.
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, read_timeout=30),
    )  # fmt: skip
    arn = f"arn:aws:logs:us-east-1:{group.account.number}:log-group:g"
    stream = logs.start_live_tail(
        logGroupIdentifiers=[arn], logEventFilterPattern="ERROR", logStreamNamePrefixes=["web/"]
    )["responseStream"]
    events = iter(stream)
    start = next(events)["sessionStart"]
    assert start["logGroupIdentifiers"] == [arn] and start["logEventFilterPattern"] == "ERROR"
    group.put("fine", "ERROR seen")
    seen: list[Any] = []

    def watch() -> None:
        for event in events:
            if results := event["sessionUpdate"]["sessionResults"]:
                seen.extend(results)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    watcher.join(20)
    assert [(event["message"], event["logStreamName"]) for event in seen] == [("ERROR seen", "web/1")]
    assert seen[0]["logGroupIdentifier"] == f"{group.account.number}:g"
    stream.close()
    with pytest.raises(ClientError, match="must be ARNs"):
        logs.start_live_tail(logGroupIdentifiers=["g"])


def test_what_is_masked_leaves_masked(group: Group) -> None:
    """By subscriptions, metric filters and exports; live tails see the same batch as metric filters."""
    kinesis, s3 = group.account.kinesis, group.account.s3
    kinesis.create_stream(StreamName="k4", ShardCount=1)
    arn = f"arn:aws:kinesis:us-east-1:{group.account.number}:stream/k4"
    group.logs.put_subscription_filter(
        logGroupName="g", filterName="sub", filterPattern="", destinationArn=arn, roleArn="arn:aws:iam::1:role/r"
    )
    group.metric_filter("{ $.mail = * }", dimensions={"Mail": "$.mail"})
    identifier = "arn:aws:dataprotection::aws:data-identifier/EmailAddress"
    operations: list[dict[str, Any]] = [{"Audit": {"FindingsDestination": {}}}, {"Deidentify": {"MaskConfig": {}}}]
    statements = [{"DataIdentifier": [identifier], "Operation": operation} for operation in operations]
    document = json.dumps({"Name": "p", "Version": "2021-06-01", "Statement": statements})
    group.logs.put_data_protection_policy(logGroupIdentifier="g", policyDocument=document)
    group.put('{"mail": "a@b.org"}')
    until(lambda: len(records(kinesis, "k4")) == 2, "the event is delivered")
    assert records(kinesis, "k4")[1]["logEvents"][0]["message"] == '{"mail": "*******"}'
    assert group.sums("f", Mail="*******") == [1] and group.sums("f", Mail="a@b.org") == []
    bucket = f"masked-{group.account.number}"
    s3.create_bucket(Bucket=bucket)
    now = int(group.account.now() * 1000)
    task = group.logs.create_export_task(logGroupName="g", fromTime=0, to=now + 1000, destination=bucket)["taskId"]
    group.account.cloud.advance("5s")

    def status() -> str:
        found = group.logs.describe_export_tasks(taskId=task)["exportTasks"][0]["status"]
        return str(found["code"])

    until(lambda: status() == "COMPLETED", "the export is done")
    body = s3.get_object(Bucket=bucket, Key=f"exportedlogs/{task}/web-1/000000.gz")["Body"].read()
    assert gzip.decompress(body).endswith(b' {"mail": "*******"}\n')


def test_an_export(group: Group) -> None:
    s3 = group.account.s3
    bucket = f"exports-{group.account.number}"
    group.put("one", "two")
    now = int(group.account.now() * 1000)
    with pytest.raises(ClientError, match="bucket does not exist"):
        group.logs.create_export_task(logGroupName="g", fromTime=0, to=now, destination=bucket)
    s3.create_bucket(Bucket=bucket)
    task = group.logs.create_export_task(
        taskName="t", logGroupName="g", fromTime=0, to=now + 1000, destination=bucket, destinationPrefix="p"
    )["taskId"]
    with pytest.raises(ClientError, match="LimitExceededException"):
        group.logs.create_export_task(logGroupName="g", fromTime=0, to=now, destination=bucket)
    with pytest.raises(ClientError, match="earlier than the creation"):
        group.logs.create_export_task(logGroupName="g", fromTime=0, to=1, destination=bucket)
    group.account.cloud.advance("5s")

    def shown() -> Any:
        return group.logs.describe_export_tasks(taskId=task)["exportTasks"][0]

    until(lambda: shown()["status"]["code"] == "COMPLETED", "the export is done")
    assert shown()["executionInfo"]["completionTime"] >= shown()["executionInfo"]["creationTime"]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert sorted(keys) == sorted(["p/aws-logs-write-test", f"p/{task}/web-1/000000.gz"])
    lines = gzip.decompress(s3.get_object(Bucket=bucket, Key=f"p/{task}/web-1/000000.gz")["Body"].read()).decode()
    assert [line.partition(" ")[2] for line in lines.splitlines()] == ["one", "two"]
    datetime.strptime(lines.partition(" ")[0], "%Y-%m-%dT%H:%M:%S.%fZ")
    with pytest.raises(ClientError, match="already finished"):
        group.logs.cancel_export_task(taskId=task)
