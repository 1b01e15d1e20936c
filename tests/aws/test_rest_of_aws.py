"""Calls for services that moto answers: checked, and on the record, as calls for ours are (PLAT-6, 9, 13)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import CommandFailed


def send(
    account: Account, service: str, method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    """A request as no SDK would make it."""
    scope = f"{account.number}/20261201/us-east-1/{service}/aws4_request"
    signed = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=abc",
        "X-Amz-Date": "20261201T000000Z",
        **headers,
    }
    request = urllib.request.Request(account.cloud.endpoint + path, data=body, headers=signed, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DYNAMO = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.CreateTable"}


@pytest.mark.parametrize(
    ("service", "path", "headers", "body", "said"),
    [
        ("dynamodb", "/", DYNAMO, b"{}", b"Value null at 'tableName'"),
        ("dynamodb", "/", DYNAMO, b"{broken", b"SerializationException"),
        ("dynamodb", "/", DYNAMO, b'{"TableName": 5}', b"SerializationException"),
        ("iam", "/", FORM, b"Action=CreateUser&Version=2010-05-08", b"Value null at 'userName'"),
        ("lambda", "/2015-03-31/functions", {"Content-Type": "application/json"}, b"{", b"Could not parse"),
        ("route53", "/2013-04-01/hostedzone", {"Content-Type": "application/xml"}, b"<a", b"MalformedXML"),
        ("s3", "/some-bucket?delete", {"Content-Type": "application/xml"}, b"<Delete><Obj", b"MalformedXML"),
    ],
)
def test_what_the_model_refuses_never_reaches_moto(
    account: Account, service: str, path: str, headers: dict[str, str], body: bytes, said: bytes
) -> None:
    status, text = send(account, service, "POST", path, body, headers)
    assert (status, said in text) == (400, True), text


def test_a_user_without_a_name_is_not_made(account: Account) -> None:
    send(account, "iam", "POST", "/", b"Action=CreateUser&Version=2010-05-08", FORM)
    assert account.iam.list_users()["Users"] == []


@pytest.mark.parametrize("size", [5, 1_000_000])
@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==", b"BadDigest"),
        ("Content-MD5", "nonsense", b"InvalidDigest"),
        ("x-amz-content-sha256", "0" * 64, b"XAmzContentSHA256Mismatch"),
        ("x-amz-checksum-crc32", "AAAAAA==", b"BadDigest"),
        ("x-amz-checksum-sha256", "A" * 43 + "=", b"BadDigest"),
    ],
)
def test_an_object_that_came_out_different_is_not_stored(
    account: Account, header: str, value: str, code: bytes, size: int
) -> None:
    bucket = f"digests-{account.number}"
    account.s3.create_bucket(Bucket=bucket)
    status, text = send(account, "s3", "PUT", f"/{bucket}/key", b"x" * size, {header: value})
    assert (status, code in text) == (400, True), text
    assert "Contents" not in account.s3.list_objects_v2(Bucket=bucket)


def test_objects_in_parts_have_checksums_of_the_whole(account: Account) -> None:
    """The checksum that CompleteMultipartUpload names is not that of its own body."""
    s3, key = account.s3, {"Bucket": f"parts-{account.number}", "Key": "k"}
    s3.create_bucket(Bucket=key["Bucket"])
    upload = s3.create_multipart_upload(**key, ChecksumAlgorithm="SHA256")["UploadId"]
    part = s3.upload_part(**key, UploadId=upload, PartNumber=1, Body=b"x" * 100, ChecksumAlgorithm="SHA256")
    parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
    s3.complete_multipart_upload(
        **key, UploadId=upload, MultipartUpload={"Parts": parts}, ChecksumSHA256=f"{'A' * 43}="
    )
    assert s3.get_object(**key)["Body"].read() == b"x" * 100


def test_the_record_has_parameters_but_no_secrets(account: Account) -> None:
    account.ssm.put_parameter(Name="/plain", Value="shown", Type="String")
    account.ssm.put_parameter(Name="/secret", Value="never shown", Type="SecureString")
    account.iam.create_user(UserName="someone")
    account.iam.create_login_profile(UserName="someone", Password="never shown")
    account.stepfunctions.list_state_machines()

    def records(name: str) -> Any:
        attribute = {"AttributeKey": "EventName", "AttributeValue": name}
        events = account.cloudtrail.lookup_events(LookupAttributes=[attribute])["Events"]
        return [json.loads(event["CloudTrailEvent"]) for event in events]

    values = {each["requestParameters"]["name"]: each["requestParameters"]["value"] for each in records("PutParameter")}
    assert values == {"/plain": "shown", "/secret": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    (profile,) = records("CreateLoginProfile")
    assert profile["requestParameters"]["userName"] == "someone"
    assert "never shown" not in json.dumps(profile)
    assert records("ListStateMachines")[0]["eventSource"] == "states.amazonaws.com"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("delete_bucket_analytics_configuration", {"Id": "x"}),
        ("delete_bucket_metrics_configuration", {"Id": "x"}),
        ("put_bucket_request_payment", {"RequestPaymentConfiguration": {"Payer": "Requester"}}),
        ("get_object_torrent", {"Key": "k"}),
    ],
)
def test_no_operation_of_s3_is_taken_for_another(account: Account, operation: str, parameters: dict[str, Any]) -> None:
    """moto takes DeleteBucketAnalyticsConfiguration for DeleteBucket."""
    bucket = f"ops-{account.number}"
    account.s3.create_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as caught:
        getattr(account.s3, operation)(Bucket=bucket, **parameters)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert operation.replace("_", "") in caught.value.response["Error"]["Message"].lower()
    account.s3.head_bucket(Bucket=bucket)


def test_the_ledger_of_s3_is_true(account: Account) -> None:
    operations = account.cloud.json("coverage", "s3")["services"]["s3"]["operations"]
    assert {operations[name] for name in ("CreateBucket", "ListBuckets", "PutBucketPolicy", "PutObject")} == {"moto"}
    assert operations["DeleteBucketAnalyticsConfiguration"] == "refused"
    with pytest.raises(CommandFailed, match="there is no service 'nosuch'"):
        account.cloud.run("coverage", "nosuch")


def test_global_services_are_on_the_record_of_their_region(account: Account) -> None:
    elsewhere = Account(account.cloud, account.number, "eu-west-1")
    elsewhere.iam.create_group(GroupName="g")
    attribute = {"AttributeKey": "EventName", "AttributeValue": "CreateGroup"}
    assert account.iam.list_groups()["Groups"][0]["GroupName"] == "g"
    assert len(account.cloudtrail.lookup_events(LookupAttributes=[attribute])["Events"]) == 1
    assert elsewhere.cloudtrail.lookup_events(LookupAttributes=[attribute])["Events"] == []
