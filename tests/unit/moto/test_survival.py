"""Whatever a client was told survives the death of the process that told it: ids, data, keys, times."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.unit.moto.rig import Rig

from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.principals import principal_of
from cloudarium.substrate.moto.bridge import MotoBridge

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def seen(answer: Any) -> Any:
    """An answer without what names the single request."""
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}


def program() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), "def handler(event, context): return event")
    return buffer.getvalue()


def fill(rig: Rig) -> None:
    """Make things over the wire and through the internal client, of many services, each with ids and times."""
    s3 = rig.client("s3")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="kept", Key="small and odd/ä+b", Body=b"one", Metadata={"under_score": "yes"})
    s3.put_object(Bucket="kept", Key="large", Body=b"x" * 200_000)
    upload = s3.create_multipart_upload(Bucket="kept", Key="parts")
    part = s3.upload_part(Bucket="kept", Key="parts", UploadId=upload["UploadId"], PartNumber=1, Body=b"part")
    s3.complete_multipart_upload(
        Bucket="kept", Key="parts", UploadId=upload["UploadId"],
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )  # fmt: skip

    iam = rig.client("iam", region="us-east-1")
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)["Role"]
    iam.create_user(UserName="ada")
    iam.create_access_key(UserName="ada")
    iam.attach_role_policy(RoleName="worker", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")

    key = rig.client("kms").create_key(Description="symmetric")["KeyMetadata"]["KeyId"]
    rig.client("kms").create_alias(AliasName="alias/kept", TargetKeyId=key)
    rig.call("kms", "create_key", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")

    queue = rig.client("sqs").create_queue(QueueName="kept")["QueueUrl"]
    rig.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    topic = rig.client("sns").create_topic(Name="kept")["TopicArn"]
    arn = f"arn:aws:sqs:eu-west-1:{role['Arn'].split(':')[4]}:kept"
    rig.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    rig.client("sns").publish(TopicArn=topic, Message="from a topic")

    rig.client("ssm").put_parameter(Name="/kept/secret", Value="v", Type="SecureString")
    rig.call("secretsmanager", "create_secret", Name="kept", SecretString="s")
    dynamodb = rig.client("dynamodb")
    dynamodb.create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(20):
        dynamodb.put_item(TableName="kept", Item={"id": {"S": str(number)}, "tags": {"SS": ["b", "a", "c"]}})
    logs = rig.client("logs")
    logs.create_log_group(logGroupName="kept")
    logs.create_log_stream(logGroupName="kept", logStreamName="one")
    logs.put_log_events(
        logGroupName="kept", logStreamName="one",
        logEvents=[{"timestamp": int(rig.cloud.clock.now() * 1000), "message": "line"}],
    )  # fmt: skip
    rig.client("lambda").create_function(
        FunctionName="kept", Runtime="python3.12", Role=role["Arn"], Handler="index.handler",
        Code={"ZipFile": program()},
    )  # fmt: skip
    zone = rig.client("route53").create_hosted_zone(Name="kept.example", CallerReference="1")["HostedZone"]["Id"]
    record = {"Name": "www.kept.example", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}
    rig.client("route53").change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )
    rig.client("acm").request_certificate(DomainName="kept.example")


def read(rig: Rig) -> dict[str, Any]:
    """Everything that ``fill`` made, as clients see it."""
    s3, kms, iam = rig.client("s3"), rig.client("kms"), rig.client("iam", region="us-east-1")
    things: dict[str, Any] = {}
    for number, listed in enumerate(s3.list_object_versions(Bucket="kept")["Versions"]):
        got = s3.get_object(Bucket="kept", Key=listed["Key"])
        things[f"s3 {number}"] = (listed, got["Body"].read(), got["Metadata"], got["ETag"], got["VersionId"])
    things["role"] = seen(iam.get_role(RoleName="worker"))["Role"] | {"RoleLastUsed": None}
    things["attached"] = seen(iam.list_attached_role_policies(RoleName="worker"))
    things["keys"] = seen(iam.list_access_keys(UserName="ada"))
    things["kms"] = sorted(each["KeyId"] for each in kms.list_keys()["Keys"])
    things["public"] = [
        kms.get_public_key(KeyId=each)["PublicKey"]
        for each in things["kms"]
        if kms.describe_key(KeyId=each)["KeyMetadata"]["KeySpec"] == "RSA_2048"
    ]
    things["aliases"] = seen(kms.list_aliases())
    things["queues"] = seen(rig.client("sqs").list_queues())
    queue = things["queues"]["QueueUrls"][0]
    things["queue"] = seen(rig.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"]))
    things["subscriptions"] = seen(rig.client("sns").list_subscriptions())
    things["parameter"] = seen(rig.client("ssm").get_parameter(Name="/kept/secret", WithDecryption=True))
    things["secret"] = rig.call("secretsmanager", "get_secret_value", SecretId="kept")
    things["table"] = seen(rig.client("dynamodb").describe_table(TableName="kept"))
    things["items"] = seen(rig.client("dynamodb").scan(TableName="kept"))
    things["lines"] = seen(rig.client("logs").get_log_events(logGroupName="kept", logStreamName="one"))
    things["function"] = seen(rig.client("lambda").get_function(FunctionName="kept"))
    things["zones"] = seen(rig.client("route53").list_hosted_zones())
    zone = things["zones"]["HostedZones"][0]["Id"]
    things["records"] = seen(rig.client("route53").list_resource_record_sets(HostedZoneId=zone))
    things["certificates"] = seen(rig.client("acm").list_certificates())
    return things


def test_everything_is_the_same_after_a_restart(rig: Rig) -> None:
    fill(rig)
    before = read(rig)
    assert len(before["public"]) == 1
    rig.restart()
    after = read(rig)
    for name, value in before.items():
        assert after[name] == value, name
    assert rig.bridge.running is not None
    assert rig.bridge.running.ready["differing"] == 0
    assert rig.bridge.running.ready["replayed"] > 40


def test_what_was_encrypted_before_a_kill_can_be_decrypted_after(rig: Rig) -> None:
    key = rig.call("kms", "create_key")["KeyMetadata"]["KeyId"]
    blob = rig.call("kms", "encrypt", KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    assert rig.bridge.running is not None
    os.kill(rig.bridge.running.pid, signal.SIGKILL)
    rig.restart()
    assert rig.call("kms", "decrypt", CiphertextBlob=blob)["Plaintext"] == b"secret"


def test_a_message_in_flight_is_still_in_flight(rig: Rig) -> None:
    queue = rig.call("sqs", "create_queue", QueueName="q")["QueueUrl"]
    rig.call("sqs", "send_message", QueueUrl=queue, MessageBody="once")
    handle = rig.call("sqs", "receive_message", QueueUrl=queue)["Messages"][0]["ReceiptHandle"]
    rig.restart()
    assert "Messages" not in rig.call("sqs", "receive_message", QueueUrl=queue)
    rig.call("sqs", "delete_message", QueueUrl=queue, ReceiptHandle=handle)
    attributes = rig.call("sqs", "get_queue_attributes", QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_reading_writes_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.call("sqs", "create_queue", QueueName="q")
    size = (tmp_path / "moto" / "journal").stat().st_size
    queue = rig.client("sqs").get_queue_url(QueueName="q")["QueueUrl"]
    rig.client("s3").list_buckets()
    rig.client("sqs").receive_message(QueueUrl=queue)
    assert (tmp_path / "moto" / "journal").stat().st_size == size


def test_reset_forgets(rig: Rig, tmp_path: Path) -> None:
    rig.call("sqs", "create_queue", QueueName="q")
    rig.run(rig.bridge.reset())
    assert not (tmp_path / "moto").exists()
    assert "QueueUrls" not in rig.call("sqs", "list_queues")


def test_ephemeral_keeps_no_file(tmp_path: Path) -> None:
    rig = Rig(None)
    try:
        rig.call("sqs", "create_queue", QueueName="q")
        rig.restart()
        assert "QueueUrls" not in rig.call("sqs", "list_queues")
    finally:
        rig.close()


def test_what_goes_out_is_sent_once_and_holds_up_nobody(rig: Rig) -> None:
    heard: list[str] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            # Whoever is notified may ask the cloud before it answers.
            rig.call("sqs", "list_queues")
            heard.append(body["Message"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        topic = rig.call("sns", "create_topic", Name="t")["TopicArn"]
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        rig.call("sns", "subscribe", TopicArn=topic, Protocol="http", Endpoint=url)
        rig.call("sns", "publish", TopicArn=topic, Message="news")
        assert heard[-1] == "news"
        told = len(heard)
        rig.restart()
        assert rig.call("sns", "list_topics")["Topics"] == [{"TopicArn": topic}]
        assert len(heard) == told
    finally:
        server.shutdown()
        server.server_close()


def test_keys_of_iam_are_known_after_a_restart(rig: Rig, tmp_path: Path) -> None:
    rig.call("iam", "create_user", UserName="ada")
    key = rig.call("iam", "create_access_key", UserName="ada")["AccessKey"]["AccessKeyId"]
    rig.restart()
    again = MotoBridge(rig.cloud)
    try:
        assert again.key_epoch > 0
        assert rig.run(principal_of(rig.cloud, key)).user_name == "ada"
    finally:
        rig.run(again.close())


def test_a_call_that_is_made_once_is_made_once_also_after_a_restart(rig: Rig) -> None:
    def keys() -> int:
        return len(rig.call("kms", "list_keys")["Keys"])

    assert rig.call("kms", "create_key", recall="t") == {}
    with pytest.raises(AwsError, match="KeySpec"):
        rig.call("kms", "create_key", KeySpec="no such", once="t")
    assert (rig.call("kms", "create_key", recall="t"), keys()) == ({}, 0)
    first = rig.call("kms", "create_key", Description="d", once="t")
    assert first == rig.call("kms", "create_key", Description="d", once="t")
    assert first != rig.call("kms", "create_key", Description="d", once="u")
    assert first != rig.call("kms", "create_key", Description="d", once="t", region="us-west-2")
    rig.restart()
    assert first == rig.call("kms", "create_key", once="t") == rig.call("kms", "create_key", recall="t")["answer"]
    assert keys() == 2
    assert rig.bridge.running is not None and rig.bridge.running.ready["differing"] == 0


def test_what_cloudformation_made_when_it_was_motos_is_still_there(rig: Rig, tmp_path: Path) -> None:
    """And no function of Python is called that a template names."""
    queue = "{Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${AWS::StackName}-q'}}"
    mark = tmp_path / "called"
    rig.call("cloudformation", "create_stack", StackName="then", TemplateBody=f"Resources: {{Q: {queue}}}")
    called = f'!!python/object/apply:os.mkdir ["{mark}"]'
    evil = f"Description: {called}\nResources: {{Q: {queue}}}"
    with pytest.raises(AwsError, match=r"python/object/apply:os.mkdir"):
        rig.call("cloudformation", "create_stack", StackName="evil", TemplateBody=evil)
    rig.restart()
    urls = rig.client("sqs").list_queues()["QueueUrls"]
    assert [url.rpartition("/")[2] for url in urls] == ["then-q"]
    assert not mark.exists()
