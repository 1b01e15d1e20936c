"""Stacks of what moto's services answer: one resource reads another's names and attributes, and all are there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import until


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def att(name: str, attribute: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


def resource(type_: str, **properties: Any) -> dict[str, Any]:
    return {"Type": type_, "Properties": properties}


def allowing(principal: str, action: str, target: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": action, "Resource": target}
    return {"Version": "2012-10-17", "Statement": [statement]}


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
STATES = {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}
RESOURCES = {
    "Queue": resource("AWS::SQS::Queue", VisibilityTimeout={"Ref": "Seconds"}),
    "Topic": resource("AWS::SNS::Topic", Subscription=[{"Protocol": "sqs", "Endpoint": att("Queue")}]),
    "QueuePolicy": resource(
        "AWS::SQS::QueuePolicy",
        Queues=[ref("Queue")],
        PolicyDocument=allowing("sns.amazonaws.com", "sqs:SendMessage", att("Queue")),
    ),
    "Rule": resource(
        "AWS::Events::Rule",
        EventPattern={"source": ["mine"]},
        Targets=[{"Id": "queue", "Arn": att("Queue")}],
    ),
    "Key": resource("AWS::KMS::Key", KeyPolicy=allowing("kms.amazonaws.com", "kms:*", "*")),
    "Alias": resource("AWS::KMS::Alias", AliasName={"Fn::Sub": "alias/${AWS::StackName}"}, TargetKeyId=ref("Key")),
    "Secret": resource(
        "AWS::SecretsManager::Secret",
        GenerateSecretString={"SecretStringTemplate": '{"user": "me"}', "GenerateStringKey": "password"},
    ),
    "User": resource("AWS::IAM::User"),
    "AccessKey": resource("AWS::IAM::AccessKey", UserName=ref("User")),
    "Parameter": resource("AWS::SSM::Parameter", Type="String", Value=att("AccessKey", "SecretAccessKey")),
    "Table": resource(
        "AWS::DynamoDB::Table",
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    ),
    "Zone": resource("AWS::Route53::HostedZone", Name={"Fn::Sub": "${AWS::StackName}.example."}),
    "Record": resource(
        "AWS::Route53::RecordSet",
        HostedZoneId=ref("Zone"),
        Name={"Fn::Sub": "x.${AWS::StackName}.example."},
        Type="A",
        TTL=60,
        ResourceRecords=["1.1.1.1"],
    ),
    "Role": resource("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST),
    "Function": resource(
        "AWS::Lambda::Function",
        Role=att("Role"),
        Handler="index.f",
        Runtime="python3.12",
        Code={"ZipFile": "def f(*_): pass"},
        Environment={"Variables": {"QUEUE": ref("Queue")}},
    ),
    "Permission": resource(
        "AWS::Lambda::Permission",
        FunctionName=ref("Function"),
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=att("Rule"),
    ),
    "Version": resource("AWS::Lambda::Version", FunctionName=ref("Function")),
    "Live": resource(
        "AWS::Lambda::Alias", FunctionName=ref("Function"), FunctionVersion=att("Version", "Version"), Name="live"
    ),
    "Machine": resource("AWS::StepFunctions::StateMachine", Definition=STATES, RoleArn=att("Role")),
    "Stream": resource("AWS::Kinesis::Stream", ShardCount=1),
    "Bucket": resource("AWS::S3::Bucket", VersioningConfiguration={"Status": "Enabled"}),
}
OUTPUTS = {
    name: {"Value": ref(name)}
    for name in ("Queue", "Topic", "Key", "Secret", "AccessKey", "Parameter", "Table", "Zone", "Function", "Bucket")
} | {"MachineArn": {"Value": att("Machine")}, "StreamName": {"Value": ref("Stream")}, "LiveArn": {"Value": ref("Live")}}
TEMPLATE = {
    "Parameters": {"Seconds": {"Type": "Number"}},
    "Resources": RESOURCES,
    "Outputs": OUTPUTS,
}


def ended(account: Account, stack: str) -> Any:
    def found() -> Any:
        described = account.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return None if described["StackStatus"].endswith("IN_PROGRESS") else described

    return until(found, "the stack to come to rest", 60)


def seconds(number: int) -> list[dict[str, str]]:
    return [{"ParameterKey": "Seconds", "ParameterValue": str(number)}]


def test_a_stack_of_many_services(account: Account) -> None:
    cfn = account.cloudformation
    said = {"StackName": "many", "Capabilities": ["CAPABILITY_IAM"]}
    stack = cfn.create_stack(**said, TemplateBody=json.dumps(TEMPLATE), Parameters=seconds(11))["StackId"]
    made = ended(account, stack)
    assert made["StackStatus"] == "CREATE_COMPLETE"
    told = {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}

    # A topic and a rule lead to the queue.
    account.sns.publish(TopicArn=told["Topic"], Message="by topic")
    account.events.put_events(Entries=[{"Source": "mine", "DetailType": "d", "Detail": '{"by": "rule"}'}])
    heard = account.sqs.receive_message(QueueUrl=told["Queue"], MaxNumberOfMessages=10)["Messages"]
    bodies = " ".join(each["Body"] for each in heard)
    assert "by topic" in bodies and '"by": "rule"' in bodies
    # The secret of an access key, and a generated password.
    secret = account.ssm.get_parameter(Name=told["Parameter"])["Parameter"]["Value"]
    assert len(secret) == 40
    generated = json.loads(account.secretsmanager.get_secret_value(SecretId=told["Secret"])["SecretString"])
    assert generated["user"] == "me" and len(generated["password"]) == 32
    assert account.kms.describe_key(KeyId="alias/many")["KeyMetadata"]["KeyId"] == told["Key"]
    records = account.route53.list_resource_record_sets(HostedZoneId=told["Zone"])["ResourceRecordSets"]
    assert "x.many.example." in {each["Name"] for each in records}
    configuration = account.lambda_.get_function_configuration(FunctionName=told["Function"])
    assert configuration["Environment"]["Variables"] == {"QUEUE": told["Queue"]}
    statement = json.loads(account.lambda_.get_policy(FunctionName=told["Function"])["Policy"])["Statement"][0]
    assert ":rule/many-Rule-" in statement["Condition"]["ArnLike"]["AWS:SourceArn"]
    assert told["LiveArn"].endswith(":live")
    machine = account.stepfunctions.describe_state_machine(stateMachineArn=told["MachineArn"])
    assert json.loads(machine["definition"]) == STATES
    account.kinesis.describe_stream_summary(StreamName=told["StreamName"])

    # It is on the record as CloudFormation's call.
    looked_for = [{"AttributeKey": "EventName", "AttributeValue": "CreateAccessKey"}]
    (event,) = account.cloudtrail.lookup_events(LookupAttributes=looked_for)["Events"]
    record = json.loads(event["CloudTrailEvent"])
    assert record["userIdentity"]["invokedBy"] == "cloudformation.amazonaws.com"
    assert set(record["requestParameters"]) == {"userName"}

    cfn.update_stack(**said, UsePreviousTemplate=True, Parameters=seconds(22))
    assert ended(account, stack)["StackStatus"] == "UPDATE_COMPLETE"
    attributes = account.sqs.get_queue_attributes(QueueUrl=told["Queue"], AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "22" and "sqs:SendMessage" in attributes["Policy"]

    cfn.delete_stack(StackName="many")
    assert ended(account, stack)["StackStatus"] == "DELETE_COMPLETE"
    assert account.dynamodb.list_tables()["TableNames"] == []
    assert account.iam.list_users()["Users"] == []
    assert account.lambda_.list_functions()["Functions"] == []
    assert account.s3.list_buckets()["Buckets"] == []
    for gone, call in (
        ("NonExistentQueue", lambda: account.sqs.get_queue_attributes(QueueUrl=told["Queue"])),
        ("NotFound", lambda: account.sns.get_topic_attributes(TopicArn=told["Topic"])),
        ("ResourceNotFound", lambda: account.secretsmanager.describe_secret(SecretId=told["Secret"])),
        ("NoSuchHostedZone", lambda: account.route53.get_hosted_zone(Id=told["Zone"])),
        (
            "StateMachineDoesNotExist",
            lambda: account.stepfunctions.describe_state_machine(stateMachineArn=machine["stateMachineArn"]),
        ),
        ("ResourceNotFound", lambda: account.kinesis.describe_stream_summary(StreamName=told["StreamName"])),
    ):
        with pytest.raises(ClientError, match=gone):
            call()
    assert account.kms.describe_key(KeyId=told["Key"])["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_what_has_no_effect_is_refused_by_name(account: Account) -> None:
    for type_, property_, value in (
        ("AWS::S3::Bucket", "MetricsConfigurations", [{"Id": "x"}]),
        ("AWS::SQS::Queue", "RedriveAllowPolicy", {"redrivePermission": "allowAll"}),
        ("AWS::SNS::Topic", "TracingConfig", "Active"),
    ):
        body = json.dumps({"Resources": {"It": {"Type": type_, "Properties": {property_: value}}}})
        with pytest.raises(ClientError, match=property_):
            account.cloudformation.create_stack(StackName="refused", TemplateBody=body)
    for type_ in ("AWS::RDS::DBInstance", "AWS::SecretsManager::RotationSchedule", "AWS::ApiGateway::RestApi"):
        body = json.dumps({"Resources": {"It": {"Type": type_}}})
        with pytest.raises(ClientError, match=type_):
            account.cloudformation.create_stack(StackName="refused", TemplateBody=body)


def test_a_call_to_motos_cloudformation_is_not_to_be_had(account: Account) -> None:
    """Stack sets are moto's, and CloudFormation is not."""
    with pytest.raises(ClientError, match="NotImplemented"):
        account.cloudformation.create_stack_set(StackSetName="x", TemplateBody='{"Resources": {}}')
