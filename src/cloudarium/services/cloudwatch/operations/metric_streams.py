"""Metric streams: there is nothing here yet that could receive one, so none can be made.

A stream goes to a Firehose delivery stream, and this cloud has no Firehose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import (
        DeleteMetricStreamInputTypeDef,
        GetMetricStreamInputTypeDef,
        ListMetricStreamsInputTypeDef,
        PutMetricStreamInputTypeDef,
    )

_NO_TARGET = "always refused: there is no Firehose to deliver to"


@operation(partial=_NO_TARGET)
def put_metric_stream(ctx: Context, request: PutMetricStreamInputTypeDef) -> Answer:
    """Refuse to make a stream."""
    raise NotThere("delivery to Firehose (FirehoseArn in cloudwatch:PutMetricStream)")


@operation
def get_metric_stream(ctx: Context, request: GetMetricStreamInputTypeDef) -> Answer:
    """No stream can be there."""
    raise AwsError("ResourceNotFoundException", f"Metric stream {request['Name']} does not exist.", 404)


@operation
def list_metric_streams(ctx: Context, request: ListMetricStreamsInputTypeDef) -> Answer:
    """None."""
    if "NextToken" in request:
        raise AwsError("InvalidNextToken", "The token is invalid or belongs to another request.", 400)
    return {"Entries": []}


@operation
def delete_metric_stream(ctx: Context, request: DeleteMetricStreamInputTypeDef) -> Answer:
    """Deleting a stream that is not there succeeds, as it does with AWS."""
    return {}
