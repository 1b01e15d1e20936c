"""The errors of the service, by the codes of its API, with AWS's texts.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Iterable

from cloudarium.kernel.errors import AwsError


def invalid(message: str) -> AwsError:
    """A parameter that breaks a rule."""
    return AwsError("ValidationError", message)


def invalid_configuration(message: str) -> AwsError:
    """Settings that do not go together."""
    return AwsError("InvalidConfigurationRequest", message)


def load_balancer_not_found(arn: str = "") -> AwsError:
    """No such load balancer."""
    return AwsError("LoadBalancerNotFound", f"Load balancer '{arn}' not found" if arn else _several("load balancers"))


def target_group_not_found(arn: str = "") -> AwsError:
    """No such target group."""
    return AwsError("TargetGroupNotFound", f"Target group '{arn}' not found" if arn else _several("target groups"))


def listener_not_found(arn: str = "") -> AwsError:
    """No such listener."""
    return AwsError("ListenerNotFound", f"Listener '{arn}' not found" if arn else _several("listeners"))


def rule_not_found(arn: str = "") -> AwsError:
    """No such rule."""
    return AwsError("RuleNotFound", f"Rule '{arn}' not found" if arn else _several("rules"))


def names_not_found(code: str, what: str, names: Iterable[str]) -> AwsError:
    """Names that a Describe filters by and that nothing has."""
    return AwsError(code, f"{what} '[{', '.join(names)}]' not found")


def _several(what: str) -> str:
    return f"One or more {what} not found"
