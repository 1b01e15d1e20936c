"""When tests of alarms begin, and where alarms send their messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.aws import Account


@pytest.fixture
def early(account: Account) -> None:
    """The test begins early in a minute of the cloud's."""
    account.early_in_a_minute()


@pytest.fixture
def inbox(account: Account) -> tuple[str, Any]:
    """A topic, and a function that takes the messages which reached a queue behind it."""
    topic = account.sns.create_topic(Name="alerts")["TopicArn"]
    queue = account.sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    account.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def take() -> list[dict[str, Any]]:
        found = account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            account.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    return str(topic), take
