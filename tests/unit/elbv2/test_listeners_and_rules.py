"""Listeners, rules, tags and reference data through the API."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.elbv2.conftest import Api, Net

OK = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
PATH = {"Field": "path-pattern", "Values": ["/a"]}


async def test_a_listener_shows_its_default_rule(api: Api, listener: str, group: str, balancer: str) -> None:
    described = (await api("describe_listeners", LoadBalancerArn=balancer))["Listeners"]
    assert described[0]["DefaultActions"] == [
        {
            "Type": "forward",
            "TargetGroupArn": group,
            "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": group, "Weight": 1}],
                "TargetGroupStickinessConfig": {"Enabled": False},
            },
        }
    ]
    rules = (await api("describe_rules", ListenerArn=listener))["Rules"]
    assert [(rule["Priority"], rule["IsDefault"]) for rule in rules] == [("default", True)]
    assert rules[0]["Actions"] == described[0]["DefaultActions"]
    for operation, words in (("delete_rule", "deleted"), ("modify_rule", "modified")):
        extra = {"Actions": [OK]} if operation == "modify_rule" else {}
        error = await api.error(operation, RuleArn=rules[0]["RuleArn"], **extra)
        assert error.code == "OperationNotPermitted" and words in error.message


async def test_one_listener_per_port(api: Api, balancer: str, listener: str) -> None:
    given = {"LoadBalancerArn": balancer, "Protocol": "HTTP", "DefaultActions": [OK]}
    error = await api.error("create_listener", Port=80, **given)
    assert error.code == "DuplicateListener"
    made = await api("create_listener", Port=81, **given)
    again = await api("create_listener", Port=81, **given)
    assert made == again, "the same again is the same"
    error = await api.error("create_listener", Port=81, **given, Tags=[{"Key": "a", "Value": "b"}])
    assert error.code == "DuplicateListener", "nothing is taken without effect"
    error = await api.error("modify_listener", ListenerArn=made["Listeners"][0]["ListenerArn"], Port=80)
    assert error.code == "DuplicateListener"
    moved = await api("modify_listener", ListenerArn=made["Listeners"][0]["ListenerArn"], Port=82)
    assert moved["Listeners"][0]["Port"] == 82


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Protocol": "HTTPS"}, "NotImplemented"),
        ({"Protocol": "TCP"}, "ValidationError"),
        ({"Port": None}, "ValidationError"),
        ({"Protocol": None}, "ValidationError"),
        ({"DefaultActions": []}, "ValidationError"),
        ({"MutualAuthentication": {"Mode": "verify"}}, "NotImplemented"),
        ({"Certificates": [{"CertificateArn": "arn:aws:acm:x"}]}, "ValidationError"),
        ({"DefaultActions": [OK, OK]}, "InvalidLoadBalancerAction"),
        ({"DefaultActions": [{"Type": "authenticate-oidc", "Order": 1}, OK]}, "NotImplemented"),
        ({"DefaultActions": [{"Type": "forward"}]}, "ValidationError"),
        ({"DefaultActions": [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}]}, None),
        ({"DefaultActions": [{"Type": "forward", "TargetGroupArn": "nonsense"}]}, "ValidationError"),
    ],
)
async def test_listeners_have_rules(api: Api, balancer: str, parameters: dict[str, Any], code: str | None) -> None:
    given: dict[str, Any] = {"LoadBalancerArn": balancer, "Port": 90, "Protocol": "HTTP", "DefaultActions": [OK]}
    given = {key: value for key, value in (given | parameters).items() if value is not None}
    assert (await api.error("create_listener", **given)).code == (code or "InvalidLoadBalancerAction")


async def test_groups_belong_to_one_balancer_and_its_vpc(api: Api, net: Net, listener: str, group: str) -> None:
    other = (await api("create_load_balancer", Name="two", Subnets=net.subnets[:2]))["LoadBalancers"][0]
    given = {"LoadBalancerArn": other["LoadBalancerArn"], "Port": 80, "Protocol": "HTTP"}
    error = await api.error("create_listener", DefaultActions=[{"Type": "forward", "TargetGroupArn": group}], **given)
    assert error.code == "TargetGroupAssociationLimit"
    assert error.message == (
        f"The following target groups cannot be associated with more than one load balancer: {group}"
    )
    grpc = await api("create_target_group", Name="g", Protocol="HTTP", Port=1, VpcId=net.vpc, ProtocolVersion="GRPC")
    action = {"Type": "forward", "TargetGroupArn": grpc["TargetGroups"][0]["TargetGroupArn"]}
    error = await api.error("create_listener", DefaultActions=[action], **given)
    assert error.code == "InvalidConfigurationRequest"
    assert "Listener protocol 'HTTP' is not supported" in error.message
    gone = group[:-16] + "0" * 16
    error = await api.error("create_listener", DefaultActions=[{"Type": "forward", "TargetGroupArn": gone}], **given)
    assert (error.code, error.message) == ("TargetGroupNotFound", f"Target group '{gone}' not found")


async def test_redirects_are_completed(api: Api, balancer: str) -> None:
    action = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    made = await api("create_listener", LoadBalancerArn=balancer, Port=80, Protocol="HTTP", DefaultActions=[action])
    assert made["Listeners"][0]["DefaultActions"][0]["RedirectConfig"] == {
        "Protocol": "HTTPS",
        "Port": "443",
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
        "StatusCode": "HTTP_301",
    }


async def test_priorities(api: Api, listener: str) -> None:
    async def rule(priority: int) -> str:
        made = await api("create_rule", ListenerArn=listener, Priority=priority, Conditions=[PATH], Actions=[OK])
        arn: str = made["Rules"][0]["RuleArn"]
        return arn

    async def order() -> list[str]:
        return [each["Priority"] for each in (await api("describe_rules", ListenerArn=listener))["Rules"]]

    second, first = await rule(20), await rule(10)
    assert await order() == ["10", "20", "default"]
    error = await api.error("create_rule", ListenerArn=listener, Priority=10, Conditions=[PATH], Actions=[OK])
    assert (error.code, error.message) == ("PriorityInUse", "Priority '10' is currently in use")
    swap = [{"RuleArn": first, "Priority": 20}, {"RuleArn": second, "Priority": 10}]
    await api("set_rule_priorities", RulePriorities=swap)
    described = (await api("describe_rules", RuleArns=[first, second]))["Rules"]
    assert [each["Priority"] for each in described] == ["20", "10"]
    error = await api.error("set_rule_priorities", RulePriorities=[{"RuleArn": first, "Priority": 10}])
    assert error.code == "PriorityInUse"
    await api("delete_rule", RuleArn=first)
    assert await order() == ["10", "default"]
    assert (await api.error("describe_rules", RuleArns=[first])).code == "RuleNotFound"


async def test_a_hundred_rules_and_no_more(api: Api, listener: str) -> None:
    for n in range(100):
        await api("create_rule", ListenerArn=listener, Priority=n + 1, Conditions=[PATH], Actions=[OK])
    error = await api.error("create_rule", ListenerArn=listener, Priority=200, Conditions=[PATH], Actions=[OK])
    assert error.code == "TooManyRules"


async def test_conditions_are_shown_both_ways(api: Api, listener: str) -> None:
    made = await api("create_rule", ListenerArn=listener, Priority=1, Conditions=[PATH], Actions=[OK])
    assert made["Rules"][0]["Conditions"] == [
        {"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"Values": ["/a"]}}
    ]
    condition = {"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example.com", "*.b.example.com"]}}
    changed = await api("modify_rule", RuleArn=made["Rules"][0]["RuleArn"], Conditions=[condition])
    assert changed["Rules"][0]["Conditions"][0]["Values"] == ["a.example.com", "*.b.example.com"]


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [{"Field": "nonsense", "Values": ["x"]}],
        [{"Field": "path-pattern", "Values": ["/a", "/b"]}],
        [{"Field": "path-pattern", "Values": []}],
        [{"Field": "path-pattern", "Values": ["no-slash"]}],
        [{"Field": "path-pattern", "Values": ["/" + "x" * 128]}],
        [{"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"Values": ["/a"]}}],
        [PATH, PATH],
        [{"Field": "path-pattern", "PathPatternConfig": {"Values": [f"/{n}" for n in range(6)]}}],
        [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*/*/*/*", "/?/?/?"]}}],
        [{"Field": "host-header", "Values": ["a b"]}],
        [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "Host", "Values": ["x"]}}],
        [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": []}}],
        [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x" * 41, "Values": ["x"]}}],
        [{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get"]}}],
        [{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "x"}]}}],
        [{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.1"]}}],
        [{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/33"]}}],
        [{"Field": "source-ip", "Values": ["10.0.0.0/8"]}],
        [{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["("]}}],
        [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a"], "RegexValues": ["/a"]}}],
        [{"Field": "path-pattern", "HostHeaderConfig": {"Values": ["a.example.com"]}}],
    ],
)
async def test_conditions_have_rules(api: Api, listener: str, conditions: list[dict[str, Any]]) -> None:
    error = await api.error("create_rule", ListenerArn=listener, Priority=1, Conditions=conditions, Actions=[OK])
    assert error.code == "ValidationError"


async def test_regular_expressions_have_no_wildcards(api: Api, listener: str) -> None:
    conditions = [{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/a*b?c*d?e*f?g*h?$"]}}]
    made = await api("create_rule", ListenerArn=listener, Priority=1, Conditions=conditions, Actions=[OK])
    assert made["Rules"][0]["Conditions"][0]["RegexValues"] == ["^/a*b?c*d?e*f?g*h?$"]
    conditions[0]["PathPatternConfig"] = {"RegexValues": [f"^/{n}$" for n in range(6)]}
    error = await api.error("create_rule", ListenerArn=listener, Priority=2, Conditions=conditions, Actions=[OK])
    assert error.code == "ValidationError" and "condition values" in error.message


async def test_transforms(api: Api, listener: str) -> None:
    rewrite = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/v1/(.*)$", "Replace": "/$1"}]}}
    made = await api(
        "create_rule", ListenerArn=listener, Priority=1, Conditions=[PATH], Actions=[OK], Transforms=[rewrite]
    )
    arn = made["Rules"][0]["RuleArn"]
    assert made["Rules"][0]["Transforms"] == [rewrite]
    reset = await api("modify_rule", RuleArn=arn, ResetTransforms=True)
    assert reset["Rules"][0]["Transforms"] == []
    both = rewrite | {"HostHeaderRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]}}
    assert "HostHeaderRewriteConfig" in (await api.error("modify_rule", RuleArn=arn, Transforms=[both])).message
    for bad in ({"Regex": "(", "Replace": ""}, {"Regex": "(?=a)", "Replace": ""}, {"Regex": "a", "Replace": "$1"}):
        transform = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [bad]}}
        assert (await api.error("modify_rule", RuleArn=arn, Transforms=[transform])).code == "ValidationError"
    assert (await api.error("modify_rule", RuleArn=arn, Transforms=[rewrite, rewrite])).code == "ValidationError"


async def test_listener_attributes(api: Api, listener: str) -> None:
    key = "routing.http.response.strict_transport_security.header_value"
    answer = await api(
        "modify_listener_attributes", ListenerArn=listener, Attributes=[{"Key": key, "Value": "max-age=9"}]
    )
    assert {"Key": key, "Value": "max-age=9"} in answer["Attributes"]
    for bad, code in (
        ("routing.http.request.x_amzn_tls_version.header_name", "InvalidConfigurationRequest"),
        ("nonsense.key", "ValidationError"),
    ):
        pairs = [{"Key": bad, "Value": "x"}]
        assert (await api.error("modify_listener_attributes", ListenerArn=listener, Attributes=pairs)).code == code


async def test_tags_of_everything(api: Api, balancer: str, listener: str, group: str) -> None:
    rule = (await api("describe_rules", ListenerArn=listener))["Rules"][0]["RuleArn"]
    arns = [balancer, listener, group, rule]
    await api("add_tags", ResourceArns=arns, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    await api("remove_tags", ResourceArns=arns, TagKeys=["b", "zzz"])
    answer = await api("describe_tags", ResourceArns=arns)
    assert answer["TagDescriptions"] == [{"ResourceArn": a, "Tags": [{"Key": "a", "Value": "1"}]} for a in arns]
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert (await api.error("add_tags", ResourceArns=arns, Tags=twice)).code == "DuplicateTagKeys"
    many = [{"Key": str(n)} for n in range(50)]
    assert (await api.error("add_tags", ResourceArns=arns, Tags=many)).code == "TooManyTags"
    gone = balancer[:-16] + "0" * 16
    assert (await api.error("describe_tags", ResourceArns=[gone])).code == "LoadBalancerNotFound"


async def test_reference_data(api: Api) -> None:
    limits = {each["Name"]: each["Max"] for each in (await api("describe_account_limits"))["Limits"]}
    assert limits["rules-per-application-load-balancer"] == "100"
    policies = (await api("describe_ssl_policies"))["SslPolicies"]
    by_name = {policy["Name"]: policy for policy in policies}
    assert by_name["ELBSecurityPolicy-TLS13-1-2-2021-06"]["SslProtocols"] == ["TLSv1.3", "TLSv1.2"]
    assert len(by_name["ELBSecurityPolicy-2016-08"]["Ciphers"]) == 18
    one = await api("describe_ssl_policies", Names=["ELBSecurityPolicy-2016-08"])
    assert [policy["Name"] for policy in one["SslPolicies"]] == ["ELBSecurityPolicy-2016-08"]
    assert (await api.error("describe_ssl_policies", Names=["x"])).code == "SSLPolicyNotFound"
