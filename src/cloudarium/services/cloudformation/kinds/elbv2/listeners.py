"""AWS::ElasticLoadBalancingV2::Listener."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.elbv2.base import ElbKind
from cloudarium.services.cloudformation.kinds.kind import Work

_SETTINGS = ("AlpnPolicy", "Certificates", "DefaultActions", "MutualAuthentication", "Port", "Protocol", "SslPolicy")


class Listener(ElbKind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listener.html.

    What takes certificates is refused by ELBv2, by name.
    """

    type = "AWS::ElasticLoadBalancingV2::Listener"
    arn_name, listed, operation = "ListenerArn", "Listeners", "listener"
    defaults = {"routing.http.response.server.enabled": "true"}  # noqa: RUF012

    async def create(self, work: Work) -> str:
        """ELBv2 knows a repeated attempt by its port, actions and tags; anybody else's listener has other tags."""
        given = picked(work.properties, ("LoadBalancerArn", *_SETTINGS))
        answer = await work.ctx.aws.elbv2.create_listener(**given, **self.labels(work))
        return str(answer["Listeners"][0]["ListenerArn"])

    async def update(self, work: Work) -> None:
        """All settings at once; attributes are settled afterwards."""
        given = picked(work.properties, _SETTINGS)
        if given != picked(work.before, _SETTINGS):
            await work.ctx.aws.elbv2.modify_listener(ListenerArn=work.physical_id, **given)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its ARN."""
        return {"ListenerArn": work.physical_id}

    async def remove(self, work: Work) -> None:
        """With its rules."""
        await work.ctx.aws.elbv2.delete_listener(ListenerArn=work.physical_id)
