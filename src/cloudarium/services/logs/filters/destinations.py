"""Where subscriptions deliver: Lambda, Kinesis and Firehose, through the internal client."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.errors import invalid
from cloudarium.services.logs.filters.envelope import control_message
from cloudarium.services.logs.resources import Destination

_ARN = re.compile(r"arn:aws[\w-]*:(lambda|kinesis|firehose|logs):([\w-]+):(\d{12}):(.+)")
LIMITS = {"lambda": 180_000, "kinesis": 1_000_000, "firehose": 1_000_000}
"""Bytes of gzip that one message may have: what the services take, and base64 for Lambda."""
_TYPES = {"lambda": "Lambda", "kinesis": "Kinesis", "firehose": "Firehose"}


class Target:
    """A destination, found."""

    def __init__(self, cloud: Cloud, kind: str, scope: Scope, arn: str) -> None:
        self.kind = kind
        self.type = _TYPES[kind]
        self._arn = arn
        self._name = arn.rpartition("/")[2]
        principal = Principal("AWSService", scope.account, "logs.amazonaws.com", "logs.amazonaws.com")
        self._aws = cloud.aws(scope, principal)

    async def send(self, packed: bytes, partition: str) -> None:
        """Deliver one message; raises ``AwsError``."""
        if self.kind == "lambda":
            data = base64.b64encode(packed).decode()
            payload = msgspec.json.encode({"awslogs": {"data": data}})
            await self._aws.lambda_.invoke(FunctionName=self._arn, InvocationType="Event", Payload=payload)
        elif self.kind == "kinesis":
            await self._aws.kinesis.put_record(StreamName=self._name, Data=packed, PartitionKey=partition)
        else:
            await self._aws.firehose.put_record(DeliveryStreamName=self._name, Record={"Data": packed})

    async def check(self, now: int) -> None:
        """See whether the destination can be reached, as PutSubscriptionFilter does; raises AWS's error for that."""
        try:
            if self.kind == "lambda":
                await self._aws.lambda_.get_function(FunctionName=self._arn)
            else:
                await self.send(control_message(self.type, now), "control")
        except AwsError as error:
            if self.kind == "lambda":
                raise invalid(
                    "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to "
                    "execute your function."
                ) from error
            raise invalid(
                f"Could not deliver test message to specified {self.type} stream. "
                f"Check if the given {self.type.lower()} stream is in ACTIVE state."
            ) from error


def target_of(cloud: Cloud, scope: Scope, arn: str) -> Target:
    """What a destination ARN of a filter in ``scope`` leads to; raises InvalidParameterException."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise invalid("Invalid destination ARN: only Lambda, Kinesis, Firehose and logical destinations are possible.")
    kind, region, account, rest = found.groups()
    where = Scope(account, region)
    if kind == "logs":
        if region != scope.region:
            raise invalid("The destination must be in the region of the log group.")
        logical: Any = cloud.store.table(Destination).get(where, rest.partition(":")[2])
        if not rest.startswith("destination:") or logical is None:
            raise invalid("Could not find the specified destination.")
        target = _ARN.fullmatch(logical.target)
        if target is None or target[1] == "logs":
            raise invalid(f"Invalid target of the destination: {logical.target}")
        return Target(cloud, target[1], Scope(target[3], target[2]), logical.target)
    if where != scope:
        raise invalid("destinationArn must belong to the account and region of the log group.")
    return Target(cloud, kind, where, arn)
