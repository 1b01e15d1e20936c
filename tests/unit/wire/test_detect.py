"""What requests are taken to mean."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.wire.generate import authorization

from cloudarium.gateway.detect import detect, protocol_hint, refusal
from cloudarium.gateway.wire import WireRequest
from cloudarium.kernel.errors import AwsError

FORM: dict[str, Any] = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def request(
    method: str = "GET", path: str = "/", query: str = "", body: bytes = b"", signed: str = "", **headers: Any
) -> WireRequest:
    found = {"host": "localhost:4566"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if signed:
        found |= authorization(signed) | {"x-amz-date": "20250101T000000Z"}
    return WireRequest(method, path, query, found, body)


def meaning(wire_request: WireRequest) -> tuple[str, str, str]:
    found = detect(wire_request)
    return found.service, found.protocol, found.operation_name


def test_scope_and_action() -> None:
    body = b"Action=DescribeVpcs&Version=2016-11-15"
    found = detect(request("POST", body=body, signed="ec2", **FORM))
    assert (found.service, found.protocol, found.operation_name) == ("ec2", "ec2", "DescribeVpcs")
    assert found.credential is not None
    assert (found.credential.access_key, found.credential.region) == ("test", "us-east-1")


def test_query_protocol_by_get() -> None:
    query = "Action=GetCallerIdentity&Version=2011-06-15"
    assert meaning(request(query=query, signed="sts")) == ("sts", "query", "GetCallerIdentity")


def test_two_services_of_one_signing_name_are_told_apart_by_version() -> None:
    for version, service in (("2012-06-01", "elb"), ("2015-12-01", "elbv2")):
        body = f"Action=DescribeLoadBalancers&Version={version}".encode()
        found = request("POST", body=body, signed="elasticloadbalancing", **FORM)
        assert meaning(found) == (service, "query", "DescribeLoadBalancers")


def test_two_services_of_one_signing_name_are_told_apart_by_route() -> None:
    assert meaning(request("GET", "/v2/apis", signed="apigateway")) == ("apigatewayv2", "rest-json", "GetApis")
    assert meaning(request("GET", "/restapis", signed="apigateway")) == ("apigateway", "rest-json", "GetRestApis")
    assert meaning(request("GET", "/v2/email/account", signed="ses"))[0] == "sesv2"


def test_x_amz_target_needs_no_signature() -> None:
    found = request("POST", x_amz_target="DynamoDB_20120810.ListTables", body=b"{}")
    assert meaning(found) == ("dynamodb", "json", "ListTables")


def test_one_target_prefix_of_two_services() -> None:
    for name, service in (("Query", "timestream-query"), ("WriteRecords", "timestream-write")):
        found = request("POST", x_amz_target=f"Timestream_20181101.{name}", signed="timestream", body=b"{}")
        assert meaning(found) == (service, "json", name)


def test_smithy_path() -> None:
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    found = request("POST", path, smithy_protocol="rpc-v2-cbor", signed="monitoring")
    assert meaning(found) == ("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData")


def test_every_protocol_of_cloudwatch() -> None:
    json = request("POST", x_amz_target="GraniteServiceVersion20100801.ListMetrics", signed="monitoring", body=b"{}")
    assert meaning(json) == ("cloudwatch", "json", "ListMetrics")
    body = b"Action=ListMetrics&Version=2010-08-01"
    query = request("POST", body=body, signed="monitoring", **FORM)
    assert meaning(query) == ("cloudwatch", "query", "ListMetrics")


@pytest.mark.parametrize(
    ("host", "path", "operation", "labels"),
    [
        ("s3.localhost:4566", "/bucket/a%20b/c", "GetObject", {"Bucket": "bucket", "Key": "a b/c"}),
        ("bucket.s3.localhost:4566", "/a/", "GetObject", {"Bucket": "bucket", "Key": "a/"}),
        ("bucket.s3.us-west-2.amazonaws.com", "/", "ListObjects", {"Bucket": "bucket"}),
        ("my.bucket.s3-eu-west-1.amazonaws.com", "/k", "GetObject", {"Bucket": "my.bucket", "Key": "k"}),
        ("bucket.s3.dualstack.eu-west-1.amazonaws.com", "/k", "GetObject", {"Bucket": "bucket", "Key": "k"}),
        ("localhost:4566", "/bucket/", "ListObjects", {"Bucket": "bucket"}),
        ("127.0.0.1:4566", "/bucket/k", "GetObject", {"Bucket": "bucket", "Key": "k"}),
        ("s3.amazonaws.com", "/", "ListBuckets", {}),
    ],
)
def test_unsigned_s3(host: str, path: str, operation: str, labels: dict[str, str]) -> None:
    found = detect(request("GET", path, host=host))
    assert (found.service, found.operation_name, found.path_params) == ("s3", operation, labels)


def test_bucket_in_front_of_a_custom_endpoint() -> None:
    found = detect(request("PUT", "/key", host="bucket.localhost:4566", signed="s3"))
    assert (found.operation_name, found.path_params) == ("PutObject", {"Bucket": "bucket", "Key": "key"})


def test_object_lambda_puts_its_route_before_the_host() -> None:
    found = request("POST", "/WriteGetObjectResponse", host="route.localhost:4566", signed="s3-object-lambda")
    assert meaning(found) == ("s3", "rest-xml", "WriteGetObjectResponse")


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("GET", "/b", "acl", {}, "GetBucketAcl"),
        ("GET", "/b", "acl=", {}, "GetBucketAcl"),
        ("GET", "/b/k", "acl", {}, "GetObjectAcl"),
        ("GET", "/b", "list-type=2&prefix=x", {}, "ListObjectsV2"),
        ("GET", "/b", "list-type=1", {}, "ListObjects"),
        ("GET", "/b", "analytics&id=1", {}, "GetBucketAnalyticsConfiguration"),
        ("GET", "/b", "analytics", {}, "ListBucketAnalyticsConfigurations"),
        ("PUT", "/b/k", "", {}, "PutObject"),
        ("PUT", "/b/k", "", {"x_amz_copy_source": "/x/y"}, "CopyObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {"x_amz_copy_source": "/x/y"}, "UploadPartCopy"),
        ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k", "uploadId=u", {}, "CompleteMultipartUpload"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
        ("GET", "/b", "max-keys=2&x-id=ListObjects", {}, "ListObjects"),
        ("GET", "/", "max-directory-buckets=2", {}, "ListDirectoryBuckets"),
    ],
)
def test_s3_operations_by_query_and_headers(
    method: str, path: str, query: str, headers: dict[str, Any], operation: str
) -> None:
    assert meaning(request(method, path, query, signed="s3", **headers)) == ("s3", "rest-xml", operation)


def test_s3control_shares_the_signing_name_of_s3() -> None:
    found = request("GET", "/v20180820/jobs", signed="s3", x_amz_account_id="000000000000")
    assert meaning(found) == ("s3control", "rest-xml", "ListJobs")


def test_presigned_url() -> None:
    scope = "test%2F20250101%2Fus-east-1%2Fs3%2Faws4_request"
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date=20250101T000000Z"
        "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=ab"
    )
    found = detect(request("GET", "/b/k", query))
    assert (found.service, found.operation_name) == ("s3", "GetObject")
    assert found.credential is not None
    assert found.credential.presigned


def test_version_2_signatures() -> None:
    body = b"Action=DescribeInstances&Version=2016-11-15&AWSAccessKeyId=123456789012&Signature=x&SignatureVersion=2"
    found = detect(request("POST", body=body, **FORM))
    assert (found.service, found.operation_name) == ("ec2", "DescribeInstances")
    assert found.credential is not None
    assert found.credential.access_key == "123456789012"
    s3 = detect(request("GET", "/b/k", authorization="AWS AKID:sig"))
    assert (s3.service, s3.operation_name) == ("s3", "GetObject")


@pytest.mark.parametrize("action", ["AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"])
def test_unsigned_sts(action: str) -> None:
    body = f"Action={action}&Version=2011-06-15&RoleArn=x".encode()
    assert meaning(request("POST", body=body, **FORM)) == ("sts", "query", action)


def test_host_alone_names_the_service() -> None:
    body = b"Action=GetCallerIdentity"
    found = request("POST", body=body, host="sts.eu-west-1.amazonaws.com", **FORM)
    assert meaning(found) == ("sts", "query", "GetCallerIdentity")
    rest = request("GET", "/2015-03-31/functions/", host="lambda.us-east-1.amazonaws.com")
    assert meaning(rest) == ("lambda", "rest-json", "ListFunctions")


@pytest.mark.parametrize(
    ("wire_request", "code"),
    [
        (request("POST"), "MissingAuthenticationToken"),
        (request("GET", "/"), "MissingAuthenticationToken"),
        (request("POST", signed="sts", **FORM), "MissingAction"),
        (request("GET", "/api/v1/query", signed="monitoring"), "NotImplemented"),
        (request("POST", "/api/v1/query_range", signed="monitoring", **FORM), "NotImplemented"),
        (request("POST", signed="nonsense"), "SignatureDoesNotMatch"),
        (request("POST", body=b"Action=Nope&Version=2016-11-15", signed="ec2", **FORM), "InvalidAction"),
        (request("POST", body=b"Action=Nope&Version=1999-01-01", **FORM), "InvalidAction"),
        (request("POST", x_amz_target="DynamoDB_20120810.Nope", signed="dynamodb"), "UnknownOperationException"),
        (request("POST", x_amz_target="Nope.Nope"), "UnknownOperationException"),
        (request("POST", signed="dynamodb"), "UnknownOperationException"),
        (request("POST", "/service/Nope/operation/X", smithy_protocol="rpc-v2-cbor"), "UnknownOperationException"),
        (request("PATCH", "/2015-03-31/functions", signed="lambda"), "UnknownOperationException"),
        (request("PATCH", "/b", signed="s3"), "MethodNotAllowed"),
        (request("GET", "/b/%ff", signed="s3"), "MalformedQueryString"),
        (request("POST", body=b"Action=%ff", signed="sts", **FORM), "MalformedQueryString"),
        (request("GET", authorization="AWS4-HMAC-SHA256 nonsense"), "IncompleteSignature"),
    ],
)
def test_what_cannot_be_told_is_refused_by_name(wire_request: WireRequest, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        detect(wire_request)
    assert caught.value.code == code
    assert caught.value.message


def test_protocol_hint() -> None:
    assert protocol_hint(request(x_amz_target="x")) == "json"
    assert protocol_hint(request(smithy_protocol="x")) == "smithy-rpc-v2-cbor"
    assert protocol_hint(request(**FORM)) == "query"
    assert protocol_hint(request(query="Action=X")) == "query"
    assert protocol_hint(request(content_type="application/json")) == "rest-json"
    assert protocol_hint(request()) == "rest-xml"
    assert protocol_hint(request(signed="ec2", **FORM)) == "ec2"
    assert protocol_hint(request(signed="lambda")) == "rest-json"
    # Also where the signature itself is what is wrong.
    broken = "AWS4-HMAC-SHA256 Credential=k/20261201/us-east-1/ec2/aws4_request, SignedHeaders=host"
    assert protocol_hint(request(authorization=broken, **FORM)) == "ec2"


@pytest.mark.parametrize(
    ("signed", "headers", "start"),
    [
        ("ec2", FORM, b"<Response><Errors><Error><Code>InvalidAction</Code>"),
        ("sts", FORM, b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>"),
        ("s3", {}, b"<Error><Code>InvalidAction</Code>"),
        ("route53", {}, b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>"),
        ("", {}, b"<Error><Code>InvalidAction</Code>"),
        ("dynamodb", {"x_amz_target": "DynamoDB_20120810.X"}, b'{"__type":"InvalidAction"'),
        ("lambda", {}, b'{"__type":"InvalidAction"'),
    ],
)
def test_refusals_are_worded_for_the_sender(signed: str, headers: dict[str, Any], start: bytes) -> None:
    response = refusal(request("POST", signed=signed, **headers), AwsError("InvalidAction", "no"), "request-1")
    assert response.status == 400
    assert response.body.removeprefix(b'<?xml version="1.0" encoding="UTF-8"?>\n').startswith(start)
    assert "request-1" in dict(response.headers).values()
