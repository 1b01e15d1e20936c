"""Why a resource failed, as CloudFormation words it."""

from __future__ import annotations

import hashlib

from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.ids import request_id

_SERVICES = {
    "AutoScaling": "AutoScaling",
    "CloudWatch": "CloudWatch",
    "EC2": "Ec2",
    "ECR": "Ecr",
    "ECS": "Ecs",
    "ElasticLoadBalancingV2": "ElasticLoadBalancingV2",
    "IAM": "Iam",
    "KMS": "Kms",
    "Logs": "CloudWatchLogs",
    "SNS": "Sns",
    "SQS": "Sqs",
    "SSM": "Ssm",
}
"""Services as messages of resource handlers name them, where that is not as in the type."""
_CODES = (
    ("AlreadyExists", ("AlreadyExist", "Duplicate", "EntityAlreadyExists", "BucketAlready", "NameExists")),
    ("NotFound", ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "NotFoundFault")),
    ("AccessDenied", ("AccessDenied", "UnauthorizedOperation", "NotAuthorized")),
    ("ServiceLimitExceeded", ("LimitExceeded", "TooMany", "QuotaExceeded")),
    ("ResourceConflict", ("Conflict", "InUse", "DependencyViolation", "OperationAborted")),
)
_THROTTLED = (
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "PriorRequestNotComplete",
)


def passes(error: AwsError) -> bool:
    """Whether the same call may well succeed a little later."""
    return error.code in _THROTTLED or (error.status >= 500 and not isinstance(error, NotThere) and error.status != 501)


def reason(error: AwsError, type_: str, token: str) -> str:
    """The status reason for an error of the service behind a resource.

    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html
    """
    service = type_.split("::")[1] if type_.count("::") >= 2 else type_
    message = f"{error.message} (Service: {_SERVICES.get(service, service)}, Status Code: {error.status}, Request ID: "
    message += f"{error.request_id or request_id()})"
    return handler_message(message, token, handler_code(error))


def handler_message(message: str, token: str, code: str) -> str:
    """What a resource handler says, as a status reason."""
    return f'Resource handler returned message: "{message}" (RequestToken: {_uuid(token)}, HandlerErrorCode: {code})'


def handler_code(error: AwsError) -> str:
    """The kind of error among those that resource handlers know."""
    if error.code in _THROTTLED:
        return "Throttling"
    if error.status >= 500:
        return "ServiceInternalError"
    for code, signs in _CODES:
        if any(sign in error.code for sign in signs):
            return code
    return "InvalidRequest"


def _uuid(token: str) -> str:
    h = hashlib.sha256(token.encode()).hexdigest()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:32]}"
