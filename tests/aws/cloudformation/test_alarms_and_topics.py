"""Real alarms that turn a stack back, and a real topic that is told of its events."""

from __future__ import annotations

import json
from typing import Any

from tests.support.aws import Account
from tests.support.cloud import until
from tests.support.stacks import events, groups, settled, status

ONE = json.dumps({"Resources": {"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}}}})


def test_an_alarm_turns_a_stack_back(account: Account) -> None:
    account.cloudwatch.put_metric_alarm(
        AlarmName="errors", Namespace="Shop", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    (alarm,) = account.cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"]
    triggers: dict[str, Any] = {
        "MonitoringTimeInMinutes": 10,
        "RollbackTriggers": [{"Arn": alarm["AlarmArn"], "Type": "AWS::CloudWatch::Alarm"}],
    }
    account.cloudformation.create_stack(StackName="w", TemplateBody=ONE, RollbackConfiguration=triggers)
    account.cloud.advance("2m")
    assert status(account, "w") == "CREATE_IN_PROGRESS" and len(groups(account)) == 1
    account.cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="by hand")
    account.cloud.advance("30s")
    assert settled(account, "w") == "ROLLBACK_COMPLETE" and groups(account) == {}
    account.cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="by hand")
    account.cloudformation.create_stack(StackName="x", TemplateBody=ONE, RollbackConfiguration=triggers)
    account.cloud.advance("11m")
    assert settled(account, "x") == "CREATE_COMPLETE"


def test_a_topic_is_told(account: Account) -> None:
    topic = account.sns.create_topic(Name="stacks")["TopicArn"]
    queue = account.sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    account.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    account.cloudformation.create_stack(StackName="n", TemplateBody=ONE, NotificationARNs=[topic])
    assert settled(account, "n") == "CREATE_COMPLETE"
    heard: list[str] = []

    def all_of_them() -> bool:
        for each in account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            heard.append(json.loads(each["Body"])["Message"])
            account.sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        return len(heard) >= len(events(account, "n"))

    until(all_of_them, "every event is told of")
    said = [dict(line.split("=", 1) for line in message.splitlines()) for message in heard]
    told = sorted((each["LogicalResourceId"], each["ResourceStatus"]) for each in said)
    assert told == sorted((f"'{name}'", f"'{state}'") for name, state, _ in events(account, "n"))
