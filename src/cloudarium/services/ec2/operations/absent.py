"""What cannot exist yet, answered truthfully: no instances, no flow logs, no blocked public access.

Operations that would make such things (RunInstances, CreateFlowLogs) are refused by name, since they are not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import combination
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.instance_filters import INSTANCE_STATUS, INSTANCES

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        DescribeFlowLogsRequestTypeDef,
        DescribeInstancesRequestTypeDef,
        DescribeInstanceStatusRequestTypeDef,
        DescribeVpcBlockPublicAccessOptionsRequestTypeDef,
    )

_FLOW_LOG_FILTERS = FilterSet(
    {
        "deliver-log-status": "DeliverLogsStatus",
        "log-destination-type": "LogDestinationType",
        "flow-log-id": "FlowLogId",
        "log-group-name": "LogGroupName",
        "resource-id": "ResourceId",
        "traffic-type": "TrafficType",
    }
)


@api(partial="there are no instances yet, so the answer is empty")
def describe_instances(ctx: Context, request: DescribeInstancesRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html."""
    _no_instances(request)
    INSTANCES.compile(request.get("Filters"))
    return {"Reservations": []}


@api(partial="there are no instances yet, so the answer is empty")
def describe_instance_status(ctx: Context, request: DescribeInstanceStatusRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html."""
    _no_instances(request)
    INSTANCE_STATUS.compile(request.get("Filters"))
    return {"InstanceStatuses": []}


def _no_instances(request: Any) -> None:
    ids = list(dict.fromkeys(request.get("InstanceIds") or ()))
    if ids and request.get("MaxResults") is not None:
        raise combination("The parameter instancesSet cannot be used with the parameter maxResults")
    for instance_id in ids:
        if not instance_id.startswith("i-"):
            raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}" (expecting "i-...")')
    if ids:
        few = len(ids) == 1
        raise AwsError(
            "InvalidInstanceID.NotFound",
            f"The instance ID{'' if few else 's'} '{', '.join(ids)}' do{'es' if few else ''} not exist",
        )


@api
def describe_flow_logs(ctx: Context, request: DescribeFlowLogsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFlowLogs.html."""
    ids = request.get("FlowLogIds")
    if ids:
        raise AwsError(
            "InvalidFlowLogId.NotFound",
            f"These flow log ids in the input list are not found: [TotalCount: {len(ids)}] {' '.join(ids)}",
        )
    nothing: list[dict[str, Any]] = []
    return {"FlowLogs": _FLOW_LOG_FILTERS.apply(nothing, cast("Any", request).get("Filter"))}


@api
def describe_vpc_block_public_access_options(
    ctx: Context, request: DescribeVpcBlockPublicAccessOptionsRequestTypeDef
) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcBlockPublicAccessOptions.html."""
    return {
        "VpcBlockPublicAccessOptions": {
            "AwsAccountId": ctx.account,
            "AwsRegion": ctx.region,
            "State": "default-state",
            "InternetGatewayBlockMode": "off",
            "ManagedBy": "account",
            "ExclusionsAllowed": "allowed",
        }
    }
