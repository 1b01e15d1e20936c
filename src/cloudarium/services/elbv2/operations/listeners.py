"""CreateListener, DescribeListeners, ModifyListener, DeleteListener and their attributes.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.elbv2 import actions, arns, tagging, views
from cloudarium.services.elbv2.attributes import listener as attributes
from cloudarium.services.elbv2.attributes import to_response
from cloudarium.services.elbv2.errors import invalid, listener_not_found
from cloudarium.services.elbv2.lookup import balancer_of, listener_of
from cloudarium.services.elbv2.paging import page
from cloudarium.services.elbv2.quotas import LISTENERS_PER_LOAD_BALANCER
from cloudarium.services.elbv2.resources import DEFAULT_PRIORITY, Listener, Rule

if TYPE_CHECKING:
    from types_boto3_elbv2.type_defs import (
        CreateListenerInputTypeDef,
        DeleteListenerInputTypeDef,
        DescribeListenerAttributesInputTypeDef,
        DescribeListenersInputTypeDef,
        ModifyListenerAttributesInputTypeDef,
        ModifyListenerInputTypeDef,
    )


@operation(partial="HTTP listeners only: HTTPS needs certificates")
def create_listener(ctx: Context, request: CreateListenerInputTypeDef) -> Answer:
    """Store a listener with its default rule; the controller opens the port on every node."""
    balancer = balancer_of(ctx, request["LoadBalancerArn"])
    if "Port" not in request:
        raise invalid("A listener port must be specified")
    if "Protocol" not in request:
        raise invalid("A listener protocol must be specified")
    protocol = _check_protocol(request["Protocol"])
    _refuse_tls(request)
    parsed = actions.parse(request["DefaultActions"])
    tags = tagging.from_request(ctx, request.get("Tags"))
    port = request["Port"]

    table = ctx.table(Listener)
    others = table.find(ctx.scope, "load_balancer_arn", balancer.arn)
    if there := next((each for each in others if each.port == port), None):
        default = ctx.table(Rule).get(ctx.scope, there.default_rule_arn)
        if default is None or (default.actions, there.protocol, tags and there.tags) != (parsed, protocol, tags):
            raise AwsError(
                "DuplicateListener", f"A listener already exists on this port for this load balancer '{balancer.arn}'"
            )
        return {"Listeners": [views.listener(ctx, there)]}
    if len(others) >= LISTENERS_PER_LOAD_BALANCER:
        raise AwsError("TooManyListeners", "The maximum number of listeners on the load balancer has been reached")
    groups = actions.target_groups(parsed)
    actions.check_target_groups(ctx, balancer, protocol, groups)
    arn = arns.listener(balancer.arn)
    default = Rule(
        arn=arns.rule(arn),
        listener_arn=arn,
        load_balancer_arn=balancer.arn,
        priority=DEFAULT_PRIORITY,
        conditions=(),
        actions=parsed,
        target_groups=groups,
    )
    listener = Listener(
        arn=arn,
        load_balancer_arn=balancer.arn,
        port=port,
        protocol=protocol,
        default_rule_arn=default.arn,
        created=ctx.clock.now(),
        tags=tags,
    )
    ctx.table(Rule).put(ctx.scope, default)
    table.put(ctx.scope, listener)
    return {"Listeners": [views.listener(ctx, listener)]}


def _check_protocol(protocol: str) -> str:
    if protocol == "HTTPS":
        raise NotThere("The listener protocol 'HTTPS' (it needs AWS Certificate Manager)")
    if protocol != "HTTP":
        raise invalid(f"Listener protocol '{protocol}' must be one of 'HTTP, HTTPS'")
    return protocol


def _refuse_tls(request: Any) -> None:
    for member, what in (("Certificates", "Certificates"), ("SslPolicy", "An SSL policy")):
        if request.get(member):
            raise invalid(f"{what} cannot be specified for HTTP listeners")
    if request.get("AlpnPolicy"):
        raise invalid("An ALPN policy can only be specified for TLS listeners")
    if request.get("MutualAuthentication", {}).get("Mode", "off") != "off":
        raise NotThere("Mutual authentication (it needs an HTTPS listener)")


@operation()
def describe_listeners(ctx: Context, request: DescribeListenersInputTypeDef) -> Answer:
    """Listeners of a load balancer, or by ARN."""
    wanted, balancer_arn = request.get("ListenerArns"), request.get("LoadBalancerArn")
    if not wanted and not balancer_arn:
        raise invalid("You must specify either listener ARNs or a load balancer ARN")
    if wanted and balancer_arn:
        raise invalid("Listener ARNs and a load balancer ARN cannot be specified at the same time")
    table = ctx.table(Listener)
    if balancer_arn:
        found = table.find(ctx.scope, "load_balancer_arn", balancer_of(ctx, balancer_arn).arn)
    else:
        found = []
        for arn in dict.fromkeys(wanted or ()):
            listener = table.get(ctx.scope, arns.check("listener", arn))
            if listener is None:
                raise listener_not_found()
            found.append(listener)
    some, marker = page(found, request, lambda listener: listener.arn)
    answer: Answer = {"Listeners": [views.listener(ctx, each) for each in some]}
    return {**answer, "NextMarker": marker} if marker else answer


@operation(partial="HTTP listeners only: HTTPS needs certificates")
def modify_listener(ctx: Context, request: ModifyListenerInputTypeDef) -> Answer:
    """Change port or default actions."""
    listener = listener_of(ctx, request["ListenerArn"])
    protocol = _check_protocol(request.get("Protocol", listener.protocol))
    _refuse_tls(request)
    port = request.get("Port", listener.port)
    others = ctx.table(Listener).find(ctx.scope, "load_balancer_arn", listener.load_balancer_arn)
    if any(other.port == port and other.arn != listener.arn for other in others):
        raise AwsError(
            "DuplicateListener",
            f"A listener already exists on this port for this load balancer '{listener.load_balancer_arn}'",
        )
    if "DefaultActions" in request:
        parsed = actions.parse(request["DefaultActions"])
        groups = actions.target_groups(parsed)
        rules = ctx.table(Rule)
        default = rules.get(ctx.scope, listener.default_rule_arn)
        assert default is not None
        balancer = balancer_of(ctx, listener.load_balancer_arn)
        actions.check_target_groups(ctx, balancer, protocol, groups, replaced=default)
        rules.put(ctx.scope, default.replace(actions=parsed, target_groups=groups))
    changed = listener.replace(port=port, protocol=protocol)
    ctx.table(Listener).put(ctx.scope, changed)
    return {"Listeners": [views.listener(ctx, changed)]}


@operation()
def delete_listener(ctx: Context, request: DeleteListenerInputTypeDef) -> Answer:
    """Delete a listener with its rules."""
    listener = listener_of(ctx, request["ListenerArn"])
    for rule in ctx.table(Rule).find(ctx.scope, "listener_arn", listener.arn):
        ctx.table(Rule).delete(ctx.scope, rule.arn)
    ctx.table(Listener).delete(ctx.scope, listener.arn)
    return {}


@operation()
def describe_listener_attributes(ctx: Context, request: DescribeListenerAttributesInputTypeDef) -> Answer:
    """Every attribute of a listener with the value in force."""
    listener = listener_of(ctx, request["ListenerArn"])
    return {"Attributes": to_response(attributes.TABLE.effective(listener.attributes))}


@operation()
def modify_listener_attributes(ctx: Context, request: ModifyListenerAttributesInputTypeDef) -> Answer:
    """Set attributes."""
    listener = listener_of(ctx, request["ListenerArn"])
    known = attributes.HTTPS_ONLY.effective({})
    attributes.HTTPS_ONLY.parse(pair for pair in request["Attributes"] if pair.get("Key") in known)
    stored = {**listener.attributes, **attributes.TABLE.parse(request["Attributes"])}
    ctx.table(Listener).put(ctx.scope, listener.replace(attributes=stored))
    return {"Attributes": to_response(attributes.TABLE.effective(stored))}


@operation()
def describe_listener_certificates(ctx: Context, request: Any) -> Answer:
    """The certificates of a listener: an HTTP listener has none."""
    listener_of(ctx, request["ListenerArn"])
    return {"Certificates": []}
