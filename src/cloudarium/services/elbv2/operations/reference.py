"""DescribeAccountLimits and DescribeSSLPolicies: what AWS has, not what anyone made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.elbv2.paging import page
from cloudarium.services.elbv2.quotas import ACCOUNT_LIMITS

if TYPE_CHECKING:
    from types_boto3_elbv2.type_defs import DescribeAccountLimitsInputTypeDef, DescribeSSLPoliciesInputTypeDef


@operation()
def describe_account_limits(ctx: Context, request: DescribeAccountLimitsInputTypeDef) -> Answer:
    """AWS's default quotas."""
    some, marker = page(ACCOUNT_LIMITS, request, lambda limit: limit[0])
    answer: Answer = {"Limits": [{"Name": name, "Max": str(most)} for name, most in some]}
    return {**answer, "NextMarker": marker} if marker else answer


@operation()
def describe_ssl_policies(ctx: Context, request: DescribeSSLPoliciesInputTypeDef) -> Answer:
    """The predefined security policies of application load balancers."""
    from cloudarium.services.elbv2.ssl_policies import POLICIES

    wanted = request.get("Names")
    if unknown := set(wanted or ()) - POLICIES.keys():
        raise AwsError("SSLPolicyNotFound", f"SSL policies '[{', '.join(sorted(unknown))}]' not found")
    kind = request.get("LoadBalancerType", "application")
    names = list(wanted or POLICIES) if kind in ("application", "network") else []
    some, marker = page(names, request, lambda name: name)
    answer: Answer = {
        "SslPolicies": [
            {
                "Name": name,
                "SslProtocols": list(POLICIES[name][0]),
                "Ciphers": [{"Name": cipher, "Priority": n} for n, cipher in enumerate(POLICIES[name][1], 1)],
                "SupportedLoadBalancerTypes": ["application", "network"],
            }
            for name in some
        ]
    }
    return {**answer, "NextMarker": marker} if marker else answer
