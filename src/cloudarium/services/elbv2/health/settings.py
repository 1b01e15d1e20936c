"""Health check settings of a target group: defaults, limits, texts.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#health-check-settings
"""

from __future__ import annotations

import re
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.elbv2.errors import invalid, invalid_configuration
from cloudarium.services.elbv2.health.matcher import Matcher
from cloudarium.services.elbv2.resources import HealthCheck

TRAFFIC_PORT = "traffic-port"
_GRPC_PATH = "/AWS.ALB/healthcheck"


def create(request: Any, protocol_version: str) -> HealthCheck:
    """The health check of a new target group."""
    grpc = protocol_version == "GRPC"
    default = HealthCheck(
        protocol="HTTP",
        port=TRAFFIC_PORT,
        path=_GRPC_PATH if grpc else "/",
        interval=30,
        timeout=5,
        healthy_threshold=5,
        unhealthy_threshold=2,
        matcher="12" if grpc else "200",
    )
    return modify(default, request, protocol_version)


def modify(check: HealthCheck, request: Any, protocol_version: str) -> HealthCheck:
    """``check`` with what a request says laid over."""
    if request.get("HealthCheckEnabled") is False:
        raise invalid_configuration(
            "Health check enabled must be true for target groups with target type 'instance', 'ip'"
        )
    changed = HealthCheck(
        protocol=request.get("HealthCheckProtocol", check.protocol),
        port=request.get("HealthCheckPort", check.port),
        path=request.get("HealthCheckPath", check.path),
        interval=request.get("HealthCheckIntervalSeconds", check.interval),
        timeout=request.get("HealthCheckTimeoutSeconds", check.timeout),
        healthy_threshold=request.get("HealthyThresholdCount", check.healthy_threshold),
        unhealthy_threshold=request.get("UnhealthyThresholdCount", check.unhealthy_threshold),
        matcher=_matcher(request, protocol_version) or check.matcher,
    )
    _check(changed)
    return changed


def _matcher(request: Any, protocol_version: str) -> str:
    given = request.get("Matcher", {})
    grpc = protocol_version == "GRPC"
    wanted, other = ("GrpcCode", "HttpCode") if grpc else ("HttpCode", "GrpcCode")
    if other in given:
        raise invalid(f"Health check matcher '{other}' is not supported with the protocol version '{protocol_version}'")
    codes: str = given.get(wanted, "").replace(" ", "")
    if codes:
        low, high = (0, 99) if grpc else (200, 499)
        try:
            Matcher(codes, low, high)
        except ValueError:
            what = "gRPC" if grpc else "HTTP"
            raise invalid(
                f"Health check matcher {what} code '{codes}' must be within '{low}-{high}' inclusive"
            ) from None
    return codes


def _check(check: HealthCheck) -> None:
    if check.protocol == "HTTPS":
        raise NotThere("The health check protocol 'HTTPS'")
    if check.protocol != "HTTP":
        raise invalid(
            f"Health check protocol '{check.protocol}' is not supported for target groups with the HTTP protocol"
        )
    port = check.port
    if port != TRAFFIC_PORT and not (re.fullmatch(r"\d{1,5}", port) and 1 <= int(port) <= 65535):
        raise invalid(f"Health check port '{port}' must be '{TRAFFIC_PORT}' or between '1-65535' inclusive")
    if not check.path.startswith("/"):
        raise invalid(f"Health check path '{check.path}' must begin with a '/' character")
    if not re.fullmatch(r"[\x21-\x7e]+", check.path):
        raise invalid(f"Health check path '{check.path}' contains a character that is not valid")
    if check.timeout >= check.interval:
        raise invalid(f"Health check timeout '{check.timeout}' must be smaller than the interval '{check.interval}'")
