"""Lookup tables through the API, and the queries of AWS's page on ``lookup`` as they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws.logs.test_insights import Logs
from tests.support.aws import Account

USERS = """id,user_id,name,username,email,department
1,1,Ann,ann,ann@example.com,Engineering
2,2,"Bob ""B"" Brown",bob,bob@example.com,Sales
"""


@pytest.fixture
def logs(account: Account) -> Logs:
    return Logs(account)


def refused(call: Any, code: str, words: str = "", **given: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**given)
    assert caught.value.response["Error"]["Code"] == code
    assert words in caught.value.response["Error"]["Message"]


def test_from_creation_to_deletion(logs: Logs) -> None:
    api, number = logs.api, logs.account.number
    before = int(logs.account.now() * 1000)
    made = api.create_lookup_table(lookupTableName="users", tableBody=USERS, description="who", tags={"a": "b"})
    arn = made["lookupTableArn"]
    assert arn == f"arn:aws:logs:us-east-1:{number}:lookup-table:users"
    assert before - 1000 <= made["createdAt"] <= before + 60_000
    (listed,) = api.describe_lookup_tables()["lookupTables"]
    assert listed == {
        "lookupTableArn": arn, "lookupTableName": "users", "description": "who", "recordsCount": 2,
        "tableFields": ["id", "user_id", "name", "username", "email", "department"], "sizeBytes": len(USERS),
        "lastUpdatedTime": made["createdAt"],
    }  # fmt: skip
    found = api.get_lookup_table(lookupTableArn=arn)
    assert (found["tableBody"], found["sizeBytes"], found["lookupTableName"]) == (USERS, len(USERS), "users")
    logs.account.cloud.advance("5s")
    updated = api.update_lookup_table(lookupTableArn=arn, tableBody="x\r\nü\r\n")
    assert updated["lastUpdatedTime"] >= made["createdAt"] + 5_000
    (listed,) = api.describe_lookup_tables()["lookupTables"]
    assert (listed["tableFields"], listed["recordsCount"], listed["sizeBytes"]) == (["x"], 1, 7)
    assert (listed["description"], listed["lastUpdatedTime"]) == ("who", updated["lastUpdatedTime"])
    assert api.get_lookup_table(lookupTableArn=arn)["tableBody"] == "x\r\nü\r\n"
    api.update_lookup_table(lookupTableArn=arn, tableBody="y\n", description="", kmsKeyId="")
    assert "description" not in api.describe_lookup_tables()["lookupTables"][0]
    assert api.delete_lookup_table(lookupTableArn=arn)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert api.describe_lookup_tables()["lookupTables"] == []
    for call in (api.get_lookup_table, api.delete_lookup_table):
        refused(call, "ResourceNotFoundException", "users", lookupTableArn=arn)
    refused(api.update_lookup_table, "ResourceNotFoundException", "users", lookupTableArn=arn, tableBody="a\n")


def test_tags(logs: Logs) -> None:
    api = logs.api
    arn = api.create_lookup_table(lookupTableName="t", tableBody="a\n", tags={"a": "1"})["lookupTableArn"]
    api.tag_resource(resourceArn=arn, tags={"b": "2"})
    assert api.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1", "b": "2"}
    api.untag_resource(resourceArn=arn, tagKeys=["a"])
    api.update_lookup_table(lookupTableArn=arn, tableBody="c\n")
    assert api.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    refused(api.list_tags_for_resource, "ResourceNotFoundException", resourceArn=arn + "x")


def test_pages_prefixes_and_how_many(logs: Logs) -> None:
    api = logs.api
    for number in range(100):
        api.create_lookup_table(lookupTableName=f"{'ab'[number % 2]}_{number:02d}", tableBody="x\n")
    refused(api.create_lookup_table, "LimitExceededException", "100", lookupTableName="z", tableBody="x\n")
    refused(api.create_lookup_table, "ResourceAlreadyExistsException", lookupTableName="a_00", tableBody="x\n")
    first = api.describe_lookup_tables()
    assert len(first["lookupTables"]) == 50
    rest = api.describe_lookup_tables(nextToken=first["nextToken"], maxResults=100)
    names = [each["lookupTableName"] for each in first["lookupTables"] + rest["lookupTables"]]
    assert names == sorted(names) and len(set(names)) == 100 and "nextToken" not in rest
    found = api.describe_lookup_tables(lookupTableNamePrefix="b_1")["lookupTables"]
    assert [each["lookupTableName"] for each in found] == ["b_11", "b_13", "b_15", "b_17", "b_19"]
    other = Account(logs.account.cloud, logs.account.number, region="eu-west-1").logs
    assert other.describe_lookup_tables()["lookupTables"] == []
    other.create_lookup_table(lookupTableName="a_00", tableBody="x\n")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "either tableBody or queryId"),
        ({"tableBody": "a\n", "queryId": "q"}, "either tableBody or queryId"),
        ({"queryId": "q"}, "q does not exist"),
        ({"tableBody": "\n\n"}, "header row"),
        ({"tableBody": "a,b\n1\n"}, "Row 1 has 1 values"),
        ({"tableBody": "a,b\n1,2,3\n"}, "more than 2"),
        ({"tableBody": 'a,b\n1,"2\n'}, "never closed"),
        ({"tableBody": 'a,b\n"1"x,2\n'}, "closing quote"),
        ({"tableBody": "a,b,a\n1,2,3\n"}, "'a' more than once"),
        ({"tableBody": "a,,b\n1,2,3\n"}, "Column 2"),
        ({"tableBody": "a\nx\0y\n"}, "NUL"),
        ({"tableBody": ",".join(f"c{n}" for n in range(1_001))}, "more than 1000"),
        ({"tableBody": "a\n" + "ü" * (5 << 20)}, "10485760 bytes"),
        ({"tableBody": "x" * ((10 << 20) + 1)}, "tableBody"),
        ({"tableBody": "a\n", "lookupTableName": "no-hyphens"}, "lookupTableName"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_a_table(logs: Logs, given: dict[str, Any], words: str) -> None:
    refused(logs.api.create_lookup_table, "InvalidParameterException", words, **{"lookupTableName": "t", **given})
    assert logs.api.describe_lookup_tables()["lookupTables"] == []
    arn = logs.api.create_lookup_table(lookupTableName="t", tableBody="kept\n1\n")["lookupTableArn"]
    if "lookupTableName" not in given:
        refused(logs.api.update_lookup_table, "InvalidParameterException", words, lookupTableArn=arn, **given)
    assert logs.api.get_lookup_table(lookupTableArn=arn)["tableBody"] == "kept\n1\n"


def test_refused_by_name_and_strange_arns(logs: Logs) -> None:
    api, arn = logs.api, f"arn:aws:logs:us-east-1:{logs.account.number}:lookup-table:t"
    key = {"kmsKeyId": f"arn:aws:kms:us-east-1:{logs.account.number}:key/1"}
    refused(api.create_lookup_table, "NotImplemented", "kmsKeyId", lookupTableName="t", tableBody="a\n", **key)
    api.create_lookup_table(lookupTableName="t", tableBody="a\n")
    refused(api.update_lookup_table, "NotImplemented", "kmsKeyId", lookupTableArn=arn, tableBody="a\n", **key)
    refused(api.get_lookup_table, "InvalidParameterException", "ARN", lookupTableArn="t")
    refused(api.get_lookup_table, "ResourceNotFoundException", lookupTableArn=arn.replace("east", "west"))


def test_a_large_table_with_everything_that_csv_can_say(logs: Logs) -> None:
    odd = ["=cmd|' /C calc'!A0", "a,b", 'say "x"', "two\nlines", "", "ü\u2028", " spaces "]
    body = "n,v\r\n" + "".join(f'{n},"{odd[n % 7]}"\r\n'.replace('"x"', '""x""') for n in range(200_000))
    arn = logs.api.create_lookup_table(lookupTableName="odd", tableBody=body)["lookupTableArn"]
    assert logs.api.describe_lookup_tables()["lookupTables"][0]["recordsCount"] == 200_000
    assert logs.api.get_lookup_table(lookupTableArn=arn)["tableBody"] == body
    logs.put("g", *(json.dumps({"n": 199_990 + n}) for n in range(7)))
    found = logs.rows("fields n | lookup odd n OUTPUT v | sort n asc")
    assert {int(row["n"]): row["v"] for row in found} == {n: odd[n % 7] for n in range(199_990, 199_997)}


# -- the command -------------------------------------------------------------------------------------------------------


def test_enrich_log_events_with_user_details(logs: Logs) -> None:
    logs.api.create_lookup_table(lookupTableName="user_data", tableBody=USERS)
    logs.put(
        "g", '{"id": 1, "action": "login", "status": 200, "name": "old"}', '{"id": "2", "action": "out", "status": 3}',
        '{"id": 9, "action": "x", "name": "stays not"}', '{"action": "y"}',
    )  # fmt: skip
    query = "fields action, status, name, email, department\n| lookup user_data id OUTPUT name, email, department"
    assert sorted(logs.rows(query), key=lambda row: row["action"]) == [
        {"action": "login", "status": "200", "name": "Ann", "email": "ann@example.com", "department": "Engineering",
         "@ptr": logs_ptr(logs, "login")},
        {"action": "out", "status": "3", "name": 'Bob "B" Brown', "email": "bob@example.com", "department": "Sales",
         "@ptr": logs_ptr(logs, "out")},
        {"action": "x", "@ptr": logs_ptr(logs, "x")},
        {"action": "y", "@ptr": logs_ptr(logs, "y")},
    ]  # fmt: skip


def logs_ptr(logs: Logs, action: str) -> str:
    (row,) = logs.rows(f"filter action = '{action}' | fields action")
    return row["@ptr"]


def test_lookup_with_aggregation_and_with_filter(logs: Logs) -> None:
    logs.api.create_lookup_table(lookupTableName="user_data", tableBody=USERS)
    logs.put("g", *(json.dumps({"user_id": user, "action": "a"}) for user in (1, 1, 2, 1, 7)))
    found = logs.rows(
        "fields user_id, action, username, email, department\n"
        "| lookup user_data user_id OUTPUT username, email, department\n| stats count(*) by email"
    )
    assert {row.get("email"): row["count(*)"] for row in found} == {
        "ann@example.com": "3", "bob@example.com": "1", None: "1",
    }  # fmt: skip
    answer = logs.wait(
        logs.start(
            "fields user_id, action\n| lookup user_data user_id OUTPUT username, email, department\n"
            '| filter department = "Engineering"'
        )
    )
    rows = [{each["field"]: each["value"] for each in row if each["field"] != "@ptr"} for row in answer["results"]]
    ann = {"user_id": "1", "action": "a", "username": "ann", "email": "ann@example.com", "department": "Engineering"}
    assert rows == [ann] * 3
    assert (answer["statistics"]["recordsMatched"], answer["statistics"]["recordsScanned"]) == (3.0, 5.0)


def test_outputnew_enriches_without_overwriting(logs: Logs) -> None:
    body = "ip_address,hostname,region\n10.0.0.1,one,eu\n10.0.0.2,two,us\n"
    logs.api.create_lookup_table(lookupTableName="known_hosts", tableBody=body)
    logs.put(
        "g", '{"srcAddr": "10.0.0.1", "hostname": "own"}', '{"srcAddr": "10.0.0.1", "hostname": ""}',
        '{"srcAddr": "10.0.0.2"}', '{"srcAddr": "10.9.9.9", "hostname": "", "region": "kept"}',
    )  # fmt: skip
    found = logs.rows(
        "fields srcAddr, hostname\n| lookup known_hosts ip_address as srcAddr OUTPUTNEW hostname, region "
        "| sort @timestamp asc"
    )
    assert [(row["srcAddr"], row.get("hostname"), row.get("region")) for row in found] == [
        ("10.0.0.1", "own", "eu"), ("10.0.0.1", "one", "eu"), ("10.0.0.2", "two", "us"), ("10.9.9.9", "", "kept"),
    ]  # fmt: skip


def test_several_match_fields(logs: Logs) -> None:
    body = "ip_address,port,service_name,owner\n10.0.0.1,443,web,ann\n10.0.0.1,22,ssh,bob\n10.0.0.2,443,api,eve\n"
    logs.api.create_lookup_table(lookupTableName="network_services", tableBody=body)
    flow = "2 123456789010 eni-1235b8ca123456789 {} 10.1.1.1 20641 {} 6 20 4249 1418530010 1418530070 ACCEPT OK"
    logs.put("g", *(flow.format(*each) for each in (("10.0.0.1", 22), ("10.0.0.2", 22), ("10.0.0.2", 443))))
    found = logs.rows(
        "fields @timestamp, srcAddr, dstAddr, dstPort\n"
        "| lookup network_services ip_address as srcAddr, port as dstPort OUTPUT service_name, owner\n"
        "| filter ispresent(service_name)"
    )
    assert [(row["srcAddr"], row["dstPort"], row["service_name"], row["owner"]) for row in found] == [
        ("10.0.0.2", "443", "api", "eve"), ("10.0.0.1", "22", "ssh", "bob"),
    ]  # fmt: skip
    assert all("@timestamp" in row and row["dstAddr"] == "10.1.1.1" for row in found)
    body = "department,role,office,manager\nit,dev,Bern,Ann\nit,ops,Rom,Bob\n"
    logs.api.create_lookup_table(lookupTableName="employees", tableBody=body)
    logs.put("h", '{"department": "it", "role": "ops"}', '{"department": "IT", "role": "dev"}')
    found = logs.rows(
        "fields @timestamp, department, role\n| lookup employees department, role OUTPUT office, manager", "h"
    )
    assert [(row["role"], row.get("office"), row.get("manager")) for row in found] == [
        ("dev", None, None), ("ops", "Rom", "Bob"),
    ], "the match is case-sensitive"  # fmt: skip


def test_what_a_query_may_not_say(logs: Logs) -> None:
    logs.put("g", "{}")
    start = logs.start
    with pytest.raises(logs.api.exceptions.ResourceNotFoundException, match="'nope'"):
        start("lookup nope id OUTPUT x")
    logs.api.create_lookup_table(lookupTableName="users", tableBody=USERS)
    for query, place, words in (
        ("fields a | lookup users id OUTPUT nope", (34, 38), "no column nope"),
        ("lookup users Id OUTPUT name", (13, 15), "no column Id"),
        ("lookup users id name", (16, 20), "name"),
        ("lookup users OUTPUT name", (20, 24), "name"),
        ("lookup users id OUTPUT", (22, 22), "end of query"),
        ("lookup users id OUTPUT name as n", (28, 30), "as"),
    ):
        with pytest.raises(ClientError) as caught:
            start(query)
        fault = caught.value.response["queryCompileError"]
        assert (fault["location"]["startCharOffset"], fault["location"]["endCharOffset"]) == place, query
        assert words in fault["message"]


def test_a_table_of_a_querys_results(logs: Logs) -> None:
    api = logs.api
    logs.put("g", '{"user": "ann", "n": 1}', '{"user": "bob, jr", "n": 2}', '{"user": "ann"}', "{}")
    identifier = logs.start("stats count(*) as events, max(n) as top by user | sort user asc")
    logs.wait(identifier)
    arn = api.create_lookup_table(lookupTableName="seen", queryId=identifier)["lookupTableArn"]
    assert api.get_lookup_table(lookupTableArn=arn)["tableBody"] == (
        'user,events,top\nann,2,1\n"bob, jr",1,2\n,1,\n'
    )  # fmt: skip
    found = logs.rows("filter ispresent(user) | lookup seen user OUTPUT events | display user, events")
    assert sorted((row["user"], row["events"]) for row in found) == [("ann", "2"), ("ann", "2"), ("bob, jr", "1")]
    events = logs.start("fields n, @message | filter n = 1")
    logs.wait(events)
    api.update_lookup_table(lookupTableArn=arn, queryId=events)
    assert api.get_lookup_table(lookupTableArn=arn)["tableBody"] == (
        'n,@message\n1,"{""user"": ""ann"", ""n"": 1}"\n'
    )  # fmt: skip
    none = logs.start("filter n = 77")
    logs.wait(none)
    refused(api.update_lookup_table, "InvalidParameterException", "no results", lookupTableArn=arn, queryId=none)


NETWORKS = """srcAddr,region,owner,datacenter
10.0.0.0/8,eu,all,dc0
10.1.0.0/16,us,net,dc1
10.1.2.3/32,us,host,dc2
2001:db8::/32,ap,six,dc3
garbage,xx,nobody,dc9
"""


def test_addresses_are_looked_up_by_the_smallest_range(logs: Logs) -> None:
    logs.api.create_lookup_table(lookupTableName="net_table", tableBody=NETWORKS)
    addresses = ["10.1.2.3", "10.1.9.9", "10.200.0.1", "192.168.0.1", "2001:db8:1::5", "garbage", "10.1.2.300"]
    logs.put("g", *[json.dumps({"srcAddr": address, "owner": "mine" if n == 2 else ""})
                    for n, address in enumerate(addresses)])  # fmt: skip
    query = "fields @timestamp, srcAddr | cidrlookup net_table srcAddr OUTPUT region, owner, datacenter"
    found = {row["srcAddr"]: (row.get("region"), row.get("owner"), row.get("datacenter")) for row in logs.rows(query)}
    none = (None, None, None)
    assert found == {
        "10.1.2.3": ("us", "host", "dc2"), "10.1.9.9": ("us", "net", "dc1"), "10.200.0.1": ("eu", "all", "dc0"),
        "192.168.0.1": none, "2001:db8:1::5": ("ap", "six", "dc3"), "garbage": none, "10.1.2.300": none,
    }  # fmt: skip
    query = "fields srcAddr as ip | cidrlookup net_table ip as srcAddr OUTPUTNEW owner, datacenter as dc | sort ip"
    kept = {row["ip"]: (row.get("owner"), row.get("dc")) for row in logs.rows(query)}
    assert kept["10.200.0.1"] == ("mine", "dc0") and kept["10.1.2.3"] == ("host", "dc2")
    with pytest.raises(logs.api.exceptions.MalformedQueryException, match="no column ip"):
        logs.start("fields ip | cidrlookup net_table ip OUTPUT owner")
