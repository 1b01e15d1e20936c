"""What log events belong to: told with PutLogEvents, seen in Logs Insights."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.aws import Account
from tests.support.cloud import until

SERVICE = {
    "keyAttributes": {"Type": "Service", "Name": "PetClinic", "Environment": "prod"},
    "attributes": {"PlatformType": "AWS::EC2", "EC2.InstanceId": "i-1234567890123"},
}


class Logs:
    def __init__(self, account: Account) -> None:
        self.api = account.logs
        self.now = int(account.now())
        self.account = account
        self.api.create_log_group(logGroupName="g")
        for stream in ("a", "b"):
            self.api.create_log_stream(logGroupName="g", logStreamName=stream)

    def put(self, message: str, entity: Any = None, stream: str = "a", group: str = "g") -> Any:
        events = [{"timestamp": self.now * 1000 - 60_000, "message": message}]
        more = {"entity": entity} if entity is not None else {}
        return self.api.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events, **more)

    def rows(self, query: str, hidden: str = "@ptr") -> list[dict[str, str]]:
        identifier = self.api.start_query(
            logGroupName="g", startTime=self.now - 3600, endTime=self.now + 60, queryString=query
        )["queryId"]

        def over() -> Any:
            found = self.api.get_query_results(queryId=identifier)
            return found if found["status"] not in ("Scheduled", "Running") else None

        found = until(over, "the query is over")
        assert found["status"] == "Complete"
        return [{each["field"]: each["value"] for each in row if each["field"] != hidden} for row in found["results"]]


@pytest.fixture
def logs(account: Account) -> Logs:
    return Logs(account)


def test_an_entity_is_a_field_of_its_events(logs: Logs) -> None:
    logs.put("none yet")
    answer = logs.put("of the service", SERVICE)
    assert "rejectedEntityInfo" not in answer
    logs.put("of another", {"keyAttributes": {"Type": "AWS::Service", "Name": "Shop"}})
    logs.put("of the service too", SERVICE, "b")
    logs.put("none again")
    found = logs.rows(
        "fields @message, @entity.KeyAttributes.Name as name, @entity.KeyAttributes.Type as type, "
        "@entity.Attributes.PlatformType as platform, @entity.Attributes.EC2.InstanceId as instance | sort @message"
    )
    shown = {row.pop("@message"): row for row in found}
    service = {"name": "PetClinic", "type": "Service", "platform": "AWS::EC2", "instance": "i-1234567890123"}
    assert shown == {
        "none yet": {}, "of the service": service, "of another": {"name": "Shop", "type": "AWS::Service"},
        "of the service too": service, "none again": {},
    }  # fmt: skip
    counted = logs.rows("filter @entity.KeyAttributes.Name = 'PetClinic' | stats count(*) as n by @logStream")
    assert sorted((row["@logStream"], row["n"]) for row in counted) == [("a", "1"), ("b", "1")]


def test_an_entity_is_in_records_and_lists_of_fields(logs: Logs) -> None:
    logs.put("plain")
    logs.put('{"x": 1}', SERVICE)
    (row,) = logs.rows("filter ispresent(@entity.KeyAttributes.Environment) | fields x", hidden="")
    assert row["x"] == "1"
    record = logs.api.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]
    assert record["@entity.KeyAttributes.Environment"] == "prod"
    assert record["@entity.Attributes.EC2.InstanceId"] == "i-1234567890123" and record["x"] == "1"
    fields = {
        each["name"]: each["percent"] for each in logs.api.get_log_group_fields(logGroupName="g")["logGroupFields"]
    }
    assert fields["@entity.KeyAttributes.Name"] == 50 and fields["@message"] == 100


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"Name": "x", "Environment": "y"}, "MissingRequiredFields"),
        ({"Type": "Service", "Environment": "y"}, "MissingRequiredFields"),
        ({"Type": "AWS::Resource", "ResourceType": "AWS::EC2::Instance"}, "MissingRequiredFields"),
        ({"Type": "Thing", "Name": "x"}, "InvalidTypeValue"),
        ({"Type": "Service", "Name": "x", "Colour": "red"}, "InvalidKeyAttributes"),
        ({"Type": "Resource", "ResourceType": "t", "Identifier": "i", "Name": "x"}, "InvalidKeyAttributes"),
    ],
)
def test_a_faulty_entity_is_rejected_and_its_events_are_not(logs: Logs, keys: dict[str, str], fault: str) -> None:
    assert logs.put("m", {"keyAttributes": keys})["rejectedEntityInfo"] == {"errorType": fault}
    assert logs.rows("fields @message, @entity.KeyAttributes.Type as type | display @message, type") == [
        {"@message": "m"}
    ]


def test_groups_of_infrequent_access_take_no_entities(logs: Logs) -> None:
    logs.api.create_log_group(logGroupName="rare", logGroupClass="INFREQUENT_ACCESS")
    logs.api.create_log_stream(logGroupName="rare", logStreamName="s")
    answer = logs.put("m", SERVICE, "s", "rare")
    assert answer["rejectedEntityInfo"] == {"errorType": "UnsupportedLogGroupType"}
