"""AWS's six protocols, compiled from botocore's models: requests to Python values and back.

operation = wire.operation("elbv2", "query", "DescribeTargetHealth")
params = operation.parse(request)
response = operation.serialize({"TargetHealthDescriptions": []}, request_id)
"""

from cloudarium.gateway.wire.message import WireRequest, WireResponse
from cloudarium.gateway.wire.models import ServiceModel, load, service_names
from cloudarium.gateway.wire.operation import (
    PROTOCOLS,
    Operation,
    operation,
    router,
    serialize_service_error,
    serialize_unknown_error,
)

__all__ = [
    "PROTOCOLS",
    "Operation",
    "ServiceModel",
    "WireRequest",
    "WireResponse",
    "load",
    "operation",
    "router",
    "serialize_service_error",
    "serialize_unknown_error",
    "service_names",
]
