"""ARNs and the names derived from them.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
"""

from __future__ import annotations

import random
import re

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_token

_PREFIX = r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:"
_PATTERNS = {
    "load balancer": re.compile(_PREFIX + r"loadbalancer/(?:app|net|gwy)/[^/]+/[0-9a-f]+"),
    "target group": re.compile(_PREFIX + r"targetgroup/[^/]+/[0-9a-f]+"),
    "listener": re.compile(_PREFIX + r"listener/(?:app|net|gwy)/[^/]+/[0-9a-f]+/[0-9a-f]+"),
    "listener rule": re.compile(_PREFIX + r"listener-rule/(?:app|net)/[^/]+/[0-9a-f]+/[0-9a-f]+/[0-9a-f]+"),
}


def check(kind: str, arn: str) -> str:
    """The ARN itself; a ValidationError when it is not one of the kind (``load balancer``, ``listener rule``, …)."""
    if not _PATTERNS[kind].fullmatch(arn):
        raise AwsError("ValidationError", f"'{arn}' is not a valid {kind} ARN")
    return arn


def kind_of(arn: str) -> str | None:
    """Which kind of resource an ARN names, or None."""
    for kind, pattern in _PATTERNS.items():
        if pattern.fullmatch(arn):
            return kind
    return None


def load_balancer(ctx: Context, name: str) -> str:
    """A new load balancer's ARN."""
    return ctx.arn("elasticloadbalancing", f"loadbalancer/app/{name}/{hex_token(16)}")


def target_group(ctx: Context, name: str) -> str:
    """A new target group's ARN."""
    return ctx.arn("elasticloadbalancing", f"targetgroup/{name}/{hex_token(16)}")


def listener(load_balancer_arn: str) -> str:
    """A new listener's ARN under its load balancer's."""
    return f"{load_balancer_arn.replace(':loadbalancer/', ':listener/')}/{hex_token(16)}"


def rule(listener_arn: str) -> str:
    """A new rule's ARN under its listener's."""
    return f"{listener_arn.replace(':listener/', ':listener-rule/')}/{hex_token(16)}"


def load_balancer_id(arn: str) -> str:
    """``app/<name>/<id>``: what metrics, logs and interface descriptions call a load balancer."""
    return arn.partition(":loadbalancer/")[2]


def target_group_id(arn: str) -> str:
    """``targetgroup/<name>/<id>``: what metrics call a target group."""
    return arn.rpartition(":")[2]


def dns_name(name: str, scheme: str, region: str) -> str:
    """A new load balancer's DNS name; the digits are AWS's way of keeping the names of equals apart."""
    digits = random.SystemRandom().randrange(10**8, 2 * 10**9)
    prefix = "internal-" if scheme == "internal" else ""
    return f"{prefix}{name}-{digits:010d}.{region}.elb.amazonaws.com"
