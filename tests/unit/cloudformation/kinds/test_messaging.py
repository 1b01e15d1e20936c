"""SQS's and SNS's kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudarium.services.cloudformation.kinds.kind import Failed


def policy(sid: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": "*"}]}


def queue_attributes(stack: Any, url: str) -> dict[str, str]:
    found: dict[str, str] = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found


QUEUE: dict[str, tuple[Any, str]] = {
    "DelaySeconds": (3, "3"),
    "MaximumMessageSize": (2048, "2048"),
    "MessageRetentionPeriod": (120, "120"),
    "ReceiveMessageWaitTimeSeconds": (4, "4"),
    "SqsManagedSseEnabled": (False, "false"),
    "VisibilityTimeout": (55, "55"),
}


@pytest.mark.parametrize("name", QUEUE)
def test_each_attribute_of_a_queue_is_set_and_taken_back(stack: Any, name: str) -> None:
    value, told = QUEUE[name]
    plain = queue_attributes(stack, stack.create("AWS::SQS::Queue", "Plain").physical_id)[name]
    queue = stack.create("AWS::SQS::Queue", **{name: value})
    assert queue_attributes(stack, queue.physical_id)[name] == told != plain
    queue.update()
    assert queue_attributes(stack, queue.physical_id)[name] == plain
    queue.update(**{name: value})
    assert queue_attributes(stack, queue.physical_id)[name] == told
    queue.delete()


def test_a_queue_keeps_its_policy_and_its_dead_letters(stack: Any) -> None:
    sqs = stack.client("sqs")
    dead = stack.create("AWS::SQS::Queue", "Dead")
    redrive = {"deadLetterTargetArn": dead.attributes["Arn"], "maxReceiveCount": 3}
    queue = stack.create("AWS::SQS::Queue", RedrivePolicy=redrive, Tags=[{"Key": "a", "Value": "1"}])
    assert json.loads(queue_attributes(stack, queue.physical_id)["RedrivePolicy"]) == redrive
    assert queue.attributes["Arn"] == f"arn:aws:sqs:eu-west-1:111122223333:{queue.name}"
    assert queue.attributes["QueueName"] == queue.name
    by = stack.create("AWS::SQS::QueuePolicy", "Policy", Queues=[queue.physical_id], PolicyDocument=policy("a"))
    queue.update(VisibilityTimeout=5, KmsMasterKeyId="k", Tags=[{"Key": "b", "Value": "2"}])
    told = queue_attributes(stack, queue.physical_id)
    assert json.loads(told["Policy"]) == policy("a")
    assert "RedrivePolicy" not in told and told["KmsMasterKeyId"] == "k"
    assert sqs.list_queue_tags(QueueUrl=queue.physical_id)["Tags"] == {"b": "2", "of-the-stack": "yes"}
    sqs.tag_queue(QueueUrl=queue.physical_id, Tags={"others": "x"})
    queue.update(VisibilityTimeout=5)
    assert sqs.list_queue_tags(QueueUrl=queue.physical_id)["Tags"] == {"others": "x", "of-the-stack": "yes"}
    by.update(Queues=[dead.physical_id], PolicyDocument=policy("b"))
    assert "Policy" not in queue_attributes(stack, queue.physical_id)
    assert json.loads(queue_attributes(stack, dead.physical_id)["Policy"]) == policy("b")
    by.delete()
    assert "Policy" not in queue_attributes(stack, dead.physical_id)
    queue.delete()
    with pytest.raises(ClientError, match="NonExistentQueue"):
        queue_attributes(stack, queue.physical_id)


def test_fifo_queues_and_topics_are_called_so(stack: Any) -> None:
    queue = stack.create("AWS::SQS::Queue", "L" * 80, FifoQueue=True, ContentBasedDeduplication=True)
    assert queue.attributes["QueueName"].endswith(".fifo") and len(queue.attributes["QueueName"]) == 80
    assert queue_attributes(stack, queue.physical_id)["ContentBasedDeduplication"] == "true"
    topic = stack.create("AWS::SNS::Topic", FifoTopic=True, ContentBasedDeduplication=True)
    told = stack.client("sns").get_topic_attributes(TopicArn=topic.physical_id)["Attributes"]
    assert topic.physical_id.endswith(".fifo") and told["FifoTopic"] == told["ContentBasedDeduplication"] == "true"


@pytest.mark.parametrize(
    ("type_", "key", "before"), [("AWS::SQS::Queue", "QueueName", "sqs"), ("AWS::SNS::Topic", "TopicName", "sns")]
)
def test_a_name_that_is_taken_fails(stack: Any, type_: str, key: str, before: str) -> None:
    stack.create(type_, **{key: "taken"})
    with pytest.raises(Failed, match=r"taken' already exists"):
        stack.create(type_, **{key: "taken"})


def test_the_policy_of_one_queue(stack: Any) -> None:
    url = stack.create("AWS::SQS::Queue", "Queue").physical_id
    made = stack.create("AWS::SQS::QueueInlinePolicy", Queue=url, PolicyDocument=policy("a"))
    with pytest.raises(Failed, match="already exists"):
        stack.create("AWS::SQS::QueueInlinePolicy", Queue=url, PolicyDocument=policy("b"))
    made.update(Queue=url, PolicyDocument=policy("c"))
    assert json.loads(queue_attributes(stack, url)["Policy"]) == policy("c")
    made.delete()
    assert "Policy" not in queue_attributes(stack, url)


def test_a_topic_with_subscriptions(stack: Any) -> None:
    sns = stack.client("sns")
    one, two = (stack.create("AWS::SQS::Queue", name).attributes["Arn"] for name in ("One", "Two"))
    topic = stack.create(
        "AWS::SNS::Topic",
        DisplayName="d",
        Subscription=[{"Protocol": "sqs", "Endpoint": one}],
        Tags=[{"Key": "a", "Value": "1"}],
    )

    def endpoints() -> list[str]:
        found = sns.list_subscriptions_by_topic(TopicArn=topic.physical_id)["Subscriptions"]
        return [each["Endpoint"] for each in found]

    def told() -> dict[str, str]:
        found: dict[str, str] = sns.get_topic_attributes(TopicArn=topic.physical_id)["Attributes"]
        return found

    assert topic.attributes["TopicName"] == topic.name
    assert (endpoints(), told()["DisplayName"]) == ([one], "d")
    topic.update(KmsMasterKeyId="k", Subscription=[{"Protocol": "sqs", "Endpoint": two}])
    assert (endpoints(), told()["DisplayName"], told()["KmsMasterKeyId"]) == ([two], "", "k")
    tags = sns.list_tags_for_resource(ResourceArn=topic.physical_id)["Tags"]
    assert tags == [{"Key": "of-the-stack", "Value": "yes"}]
    topic.delete()
    with pytest.raises(ClientError, match="NotFound"):
        told()


def test_a_subscription_filters_what_it_delivers(stack: Any) -> None:
    sns, sqs = stack.client("sns"), stack.client("sqs")
    queue = stack.create("AWS::SQS::Queue")
    topic = stack.create("AWS::SNS::Topic").physical_id
    target = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue.attributes["Arn"]}
    filtered = {**target, "RawMessageDelivery": True, "FilterPolicyScope": "MessageBody", "FilterPolicy": {"k": ["v"]}}

    def heard() -> list[str]:
        for text in ('{"k": "v"}', '{"k": "w"}'):
            sns.publish(TopicArn=topic, Message=text)
        found = sqs.receive_message(QueueUrl=queue.physical_id, MaxNumberOfMessages=10).get("Messages", [])
        for each in found:
            sqs.delete_message(QueueUrl=queue.physical_id, ReceiptHandle=each["ReceiptHandle"])
        return sorted(each["Body"] for each in found)

    subscription = stack.create("AWS::SNS::Subscription", **filtered)
    assert subscription.attributes == {"Arn": subscription.physical_id}
    assert heard() == ['{"k": "v"}']
    subscription.update(**target)
    assert len(heard()) == 2
    subscription.update(**filtered)
    assert heard() == ['{"k": "v"}']
    subscription.delete()
    assert heard() == []


def test_a_subscription_to_a_topic_elsewhere(stack: Any) -> None:
    topic = stack.resource("AWS::SNS::Topic", region="us-west-2").create().physical_id
    target = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": stack.create("AWS::SQS::Queue").attributes["Arn"]}
    subscription = stack.create("AWS::SNS::Subscription", **target, Region="us-west-2")
    sns = stack.client("sns", region="us-west-2")
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1
    subscription.delete()
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


@pytest.mark.parametrize("inline", [False, True])
def test_the_policy_of_topics(stack: Any, inline: bool) -> None:
    sns = stack.client("sns")
    topic = stack.create("AWS::SNS::Topic").physical_id

    def told() -> Any:
        return json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])

    new = told()
    type_, key = ("TopicInlinePolicy", {"TopicArn": topic}) if inline else ("TopicPolicy", {"Topics": [topic]})
    made = stack.create(f"AWS::SNS::{type_}", **key, PolicyDocument=policy("a"))
    assert told() == policy("a")
    made.update(**key, PolicyDocument=policy("b"))
    assert told() == policy("b")
    made.delete()
    assert told() == new
