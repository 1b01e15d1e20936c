"""Access logs in S3: files where AWS puts them, lines as AWS writes them (ALB-12)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from tests.support import accesslog, metrics
from tests.support.aws import Account
from tests.support.cloud import until
from tests.support.programs import Program
from tests.support.stack import Stack, fixed

_LOGGER = "arn:aws:iam::127311923021:root"
"""Elastic Load Balancing's own account in us-east-1."""


def enable(account: Account, arn: str, bucket: str) -> None:
    """Let the load balancer write below ``alb/`` in the bucket."""
    account.s3.create_bucket(Bucket=bucket)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": _LOGGER},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/alb/AWSLogs/{account.number}/*",
    }
    account.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    attributes = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": bucket, "access_logs.s3.prefix": "alb"}
    account.elbv2.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": k, "Value": v} for k, v in attributes.items()]
    )


def test_each_request_becomes_a_line(account: Account, program: Callable[[str], Program]) -> None:
    """Forwarded, redirected, answered by itself, failed and given up: all are found again in the bucket."""
    stack, bucket = Stack(account), f"logs-{account.number}"
    group, balancer = stack.target_group(), stack.load_balancer()
    arn, host = balancer["LoadBalancerArn"], balancer["DNSName"]
    listener = stack.listener(balancer, group)
    redirect = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302", "Path": "/new/#{path}"}}
    for priority, (path, action) in enumerate((("/old/*", redirect), ("/tea", fixed(418, "tea"))), start=1):
        account.elbv2.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [path]}],
            Actions=[action],
        )
    red = program("red")
    (address,) = stack.join(group, red)
    stack.healthy(group, address)
    enable(account, arn, bucket)

    sent = account.curl(host, "/a?q=%22x%22", "-A", 'agent "quoted"', "--data", "12345")
    account.curl(host, "/old/page?x=1")
    account.curl(host, "/tea")
    red.behave("close", where="/bad")
    account.curl(host, "/bad")
    red.behave("hold", where="/late")
    waiting = account.start_curl(host, "/late")
    until(lambda: red.held() == 1, "the request has reached the target")
    waiting.abandon()
    account.cloud.advance("6m")
    red.release()

    entries = accesslog.read(account.s3, bucket)
    by_path = {re.sub(r".*://[^/]+(/[^ ?]*).*", r"\1", e["request"]): e for e in entries}
    assert set(by_path) == {"/a", "/old/page", "/tea", "/bad", "/late"}
    suffix = arn.split("loadbalancer/")[1]
    for entry in entries:
        assert entry["type"] == "http"
        assert entry["elb"] == suffix
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["time"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["request_creation_time"])
        assert entry["request_creation_time"] <= entry["time"]
        assert re.fullmatch(r"127\.0\.0\.1:\d+", entry["client:port"])
        assert (entry["ssl_cipher"], entry["ssl_protocol"], entry["domain_name"]) == ("-", "-", "-")
        assert (entry["classification"], entry["classification_reason"]) == ("-", "-")
        assert re.fullmatch(r"TID_[0-9a-f]{32}", entry["conn_trace_id"])

    good = by_path["/a"]
    assert good["request"] == f"POST http://{host}:80/a?q=%22x%22 HTTP/1.1"
    assert good["user_agent"] in ("agent \\x22quoted\\x22", 'agent \\"quoted\\"')
    assert good["target:port"] == good["target:port_list"] == f"{address}:80"
    assert good["elb_status_code"] == good["target_status_code"] == good["target_status_code_list"] == "200"
    assert good["target_group_arn"] == group
    assert good["trace_id"] == sent.sent_header("X-Amzn-Trace-Id")
    assert good["matched_rule_priority"] == "0", "the default action"
    assert good["actions_executed"] == "forward"
    assert int(good["received_bytes"]) > 5 and int(good["sent_bytes"]) > len(sent.body)
    times = [float(good[f"{part}_processing_time"]) for part in ("request", "target", "response")]
    assert all(0 <= seconds < 5 for seconds in times)

    moved = by_path["/old/page"]
    assert (moved["elb_status_code"], moved["target_status_code"], moved["target:port"]) == ("302", "-", "-")
    assert moved["redirect_url"] == f"http://{host}:80/new/old/page?x=1"
    assert (moved["actions_executed"], moved["matched_rule_priority"]) == ("redirect", "1")
    assert moved["target_group_arn"] == "-"

    tea = by_path["/tea"]
    assert (tea["elb_status_code"], tea["actions_executed"], tea["matched_rule_priority"]) == (
        "418",
        "fixed-response",
        "2",
    )

    bad = by_path["/bad"]
    assert (bad["elb_status_code"], bad["target_status_code"], bad["target:port"]) == ("502", "-", f"{address}:80")
    assert bad["response_processing_time"] == "-1"

    late = by_path["/late"]
    assert (late["elb_status_code"], late["target_status_code"]) == ("460", "-")


def test_the_last_lines_of_a_deleted_load_balancer_arrive(account: Account) -> None:
    """And what was counted in its last minute."""
    stack, bucket = Stack(account), f"last-{account.number}"
    balancer = stack.load_balancer()
    stack.listener(balancer, fixed(200, "hello"))
    enable(account, balancer["LoadBalancerArn"], bucket)
    account.cloud.advance("5m")
    assert account.curl(balancer["DNSName"], "/last").status == 200
    account.elbv2.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    account.cloud.advance("1m")
    assert [entry["request"].split()[1] for entry in accesslog.read(account.s3, bucket)] == [
        f"http://{balancer['DNSName']}:80/last"
    ]
    name = metrics.load_balancer_name(balancer["LoadBalancerArn"])
    assert metrics.total(account, "HTTP_Fixed_Response_Count", LoadBalancer=name) == 1


def test_files_are_named_as_aws_names_them(account: Account) -> None:
    """``prefix/AWSLogs/account/elasticloadbalancing/region/y/m/d/account_elasticloadbalancing_region_…_random.log.gz``."""
    stack, bucket = Stack(account), f"names-{account.number}"
    balancer = stack.load_balancer()
    stack.listener(balancer, fixed(200, "hello"))
    enable(account, balancer["LoadBalancerArn"], bucket)
    account.curl(balancer["DNSName"])
    account.cloud.advance("6m")
    keys = [item["Key"] for item in account.s3.list_objects_v2(Bucket=bucket)["Contents"]]
    test_object = f"alb/AWSLogs/{account.number}/ELBAccessLogTestFile"
    assert test_object in keys
    keys.remove(test_object)
    name = balancer["LoadBalancerArn"].split("loadbalancer/")[1].replace("/", ".")
    here = f"{account.number}_elasticloadbalancing_{account.region}_{re.escape(name)}"
    folder = rf"alb/AWSLogs/{account.number}/elasticloadbalancing/{account.region}/\d{{4}}/\d\d/\d\d"
    pattern = rf"{folder}/{here}_\d{{8}}T\d{{4}}Z_[\d.]+_[0-9a-z]+\.log\.gz"
    assert keys and all(re.fullmatch(pattern, key) for key in keys), keys
