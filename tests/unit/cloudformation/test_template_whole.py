"""A template as people write them, from its text to properties that AWS's schemas find nothing wrong with."""

from __future__ import annotations

from typing import Any

from tests.unit.cloudformation.templates import template, values

from cloudarium.services.cloudformation.schemas import find
from cloudarium.services.cloudformation.template import (
    Missing,
    attributes_asked,
    check_rules,
    dependencies,
    resolve,
)

TEXT = """
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Env: {Type: String, AllowedValues: [test, prod]}
  Port: {Type: Number, Default: 8080, MinValue: 1, MaxValue: 65535}
  BootstrapVersion: {Type: "AWS::SSM::Parameter::Value<String>", Default: /cdk-bootstrap/hnb659fds/version}
Rules:
  CheckBootstrapVersion:
    Assertions:
      - Assert: !Not [{"Fn::Contains": [["1", "2", "3"], !Ref BootstrapVersion]}]
        AssertDescription: CDK bootstrap stack version 6 required.
Mappings:
  Size: {test: {Cpu: 256, Tasks: 1}, prod: {Cpu: 1024, Tasks: 2}}
Conditions:
  Prod: !Equals [!Ref Env, prod]
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16, EnableDnsHostnames: "true"}}
  Subnet:
    Type: AWS::EC2::Subnet
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: !Select [0, !Cidr [!GetAtt Vpc.CidrBlock, 4, 8]]
      AvailabilityZone: !Select [0, !GetAZs ""]
      Tags: [{Key: Name, Value: !Sub "${AWS::StackName}-${Env}"}]
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Of the service
      VpcId: !Ref Vpc
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: !Ref Port, ToPort: !Ref Port, CidrIp: 0.0.0.0/0}]
  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: !If [Prod, 365, 7]}, DeletionPolicy: Delete}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      NetworkMode: awsvpc
      Cpu: !FindInMap [Size, !Ref Env, Cpu]
      Memory: 512
      ContainerDefinitions:
        - Name: web
          Image: nginx
          PortMappings: [{ContainerPort: !Ref Port}]
          Environment: [{Name: PASSWORD, Value: "{{resolve:secretsmanager:web:SecretString:password}}"}]
          LogConfiguration:
            LogDriver: awslogs
            Options: {awslogs-group: !Ref Logs, awslogs-region: !Ref AWS::Region, awslogs-stream-prefix: web}
  Cluster: {Type: AWS::ECS::Cluster, Condition: Prod}
  Service:
    Type: AWS::ECS::Service
    Properties:
      Cluster: !If [Prod, !Ref Cluster, !Ref AWS::NoValue]
      TaskDefinition: !Ref Task
      DesiredCount: !FindInMap [Size, !Ref Env, Tasks]
      NetworkConfiguration:
        AwsvpcConfiguration: {Subnets: [!Ref Subnet], SecurityGroups: [!GetAtt Group.GroupId]}
Outputs:
  Name: {Value: !GetAtt Service.Name, Export: {Name: !Sub "${AWS::StackName}:Service"}}
"""


def made(env: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources, each once those before it are there."""
    whole = template(TEXT)
    known = values(whole, Env=env)
    known.parameters["BootstrapVersion"] = "21"
    check_rules(whole, known)
    needed = dependencies(whole, known.conditions)
    asked = attributes_asked(whole)
    found: dict[str, dict[str, Any]] = {}
    while len(found) < len(needed):
        name = next(each for each in needed if each not in found and needed[each] <= found.keys())
        resource = whole.resources[name]
        schema = find(resource.type)
        assert schema is not None
        while True:
            try:
                properties = resolve(resource.properties, known)
                break
            except Missing as missing:
                known.outside[missing.kind, missing.key] = {"zones": ["eu-west-1a"]}.get(missing.kind, "s3cret")
        found[name] = schema.coerced(properties)
        assert schema.problems(found[name]) == []
        attributes = {"Vpc": "10.0.0.0/16", "Group": "sg-1", "Service": "web"}
        assert all(schema.has_attribute(each) for each in asked.get(name, ()))
        known.made[name] = (f"the-{name}", dict.fromkeys(asked.get(name, ()), attributes.get(name)))
    assert resolve(whole.outputs["Name"].value, known) == "web"
    assert resolve(whole.outputs["Name"].export_name, known) == "app:Service"
    return found


def test_a_service_in_production() -> None:
    found = made("prod")
    assert found["Vpc"] == {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True}
    assert found["Subnet"]["CidrBlock"] == "10.0.0.0/24"
    assert found["Subnet"]["AvailabilityZone"] == "eu-west-1a"
    assert found["Subnet"]["Tags"] == [{"Key": "Name", "Value": "app-prod"}]
    assert found["Group"]["SecurityGroupIngress"][0]["FromPort"] == 8080
    assert found["Logs"] == {"RetentionInDays": 365}
    assert (found["Task"]["Cpu"], found["Task"]["Memory"]) == ("1024", "512")
    assert found["Task"]["ContainerDefinitions"][0]["Environment"] == [{"Name": "PASSWORD", "Value": "s3cret"}]
    assert (found["Service"]["Cluster"], found["Service"]["DesiredCount"]) == ("the-Cluster", 2)


def test_the_same_for_tests() -> None:
    found = made("test")
    assert "Cluster" not in found and "Cluster" not in found["Service"]
    assert found["Logs"] == {"RetentionInDays": 7}
