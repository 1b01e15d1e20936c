"""Field index policies of groups and of the account, and what ``filterIndex`` finds by them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws.logs.test_insights import Logs
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud

DOCUMENT = json.dumps({"Fields": ["requestId", "@requestId"]})


@pytest.fixture
def logs(account: Account) -> Logs:
    return Logs(account)


def event(identifier: str, **more: Any) -> str:
    return json.dumps({"requestId": identifier, **more})


def test_a_policy_is_put_described_and_deleted(logs: Logs) -> None:
    logs.put("g", "x")
    made = logs.api.put_index_policy(logGroupIdentifier="g", policyDocument=DOCUMENT)["indexPolicy"]
    assert made["source"] == "LOG_GROUP" and made["policyDocument"] == DOCUMENT
    assert made["logGroupIdentifier"].endswith(":log-group:g")
    assert logs.api.describe_index_policies(logGroupIdentifiers=["g"])["indexPolicies"] == [made]
    logs.api.delete_index_policy(logGroupIdentifier="g")
    assert logs.api.describe_index_policies(logGroupIdentifiers=["g"])["indexPolicies"] == []
    with pytest.raises(logs.api.exceptions.ResourceNotFoundException):
        logs.api.delete_index_policy(logGroupIdentifier="g")
    with pytest.raises(logs.api.exceptions.InvalidParameterException, match="JSON"):
        logs.api.put_index_policy(logGroupIdentifier="g", policyDocument="{Fields")
    logs.api.create_log_group(logGroupName="rare", logGroupClass="INFREQUENT_ACCESS")
    with pytest.raises(logs.api.exceptions.InvalidParameterException, match="INFREQUENT_ACCESS"):
        logs.api.put_index_policy(logGroupIdentifier="rare", policyDocument=DOCUMENT)


def test_filter_index_finds_what_came_since_there_was_an_index(logs: Logs) -> None:
    logs.put("g", event("a", n=1))
    logs.put("other", event("a", n=2))
    logs.account.cloud.advance("1s")
    logs.api.put_index_policy(logGroupIdentifier="g", policyDocument=DOCUMENT)
    logs.put("g", event("a", n=3), event("b", n=4))
    logs.put("other", event("a", n=5))
    groups = {"logGroupNames": ["g", "other"]}
    query = "filterIndex requestId {} | fields n | sort n | display n"
    found = logs.wait(logs.start(query.format("= 'a'"), **groups))
    assert [row[0]["value"] for row in found["results"]] == ["3"]
    assert found["statistics"]["logGroupsScanned"] == 1
    assert [row["n"] for row in logs.rows(query.format("in ['a', 'b']"), **groups)] == ["3", "4"]
    assert [row["n"] for row in logs.rows("filter requestId = 'a' | fields n | sort n | display n", **groups)] == [
        "1", "2", "3", "5",
    ]  # fmt: skip
    both = "filterIndex requestId = 'b' or @logStream = 's' | fields n | sort n | display n"
    assert [row["n"] for row in logs.rows(both, **groups)] == ["1", "2", "3", "4", "5"]
    inner = "filter n in (SOURCE 'g', 'other' | filterIndex requestId = 'a' | fields n) | stats count(*) as c"
    assert logs.rows(inner, **groups) == [{"c": "1"}]


def test_what_was_indexed_stays_so_for_thirty_days(own_cloud: RunningCloud) -> None:
    logs = Logs(Account(own_cloud, fresh_number()))
    logs.put("g", "x")
    logs.api.put_index_policy(logGroupIdentifier="g", policyDocument=DOCUMENT)
    logs.put("g", event("a"))
    own_cloud.advance("1s")
    logs.api.delete_index_policy(logGroupIdentifier="g")
    logs.put("g", event("a", late=True))
    query = "filterIndex requestId = 'a' | stats count(*) as c, count(late) as late"

    def indexes() -> dict[str, str]:
        listed = logs.api.describe_field_indexes(logGroupIdentifiers=["g"])["fieldIndexes"]
        return {each["fieldIndexName"]: each["indexCategory"] for each in listed}

    assert logs.rows(query) == [{"c": "1", "late": "0"}]
    assert indexes()["requestId"] == "INACTIVE"
    own_cloud.advance("31d")
    assert logs.rows(query, endTime=logs.now + 32 * 86_400) == [{"c": "0", "late": "0"}]
    assert "requestId" not in indexes()


def test_indexes_of_a_group(logs: Logs) -> None:
    logs.put("g", "x")
    document = json.dumps({"FieldsV2": {"requestId": {"type": "FACET"}, "nope": {"type": "FIELD_INDEX"}}})
    logs.api.put_index_policy(logGroupIdentifier="g", policyDocument=document)
    logs.put("g", event("a"), "plain", event("b"), ago=10)
    found = {each["fieldIndexName"]: each for each in
             logs.api.describe_field_indexes(logGroupIdentifiers=["g"])["fieldIndexes"]}  # fmt: skip
    own = found["requestId"]
    assert (own["indexCategory"], own["type"]) == ("CUSTOM", "FACET")
    assert own["lastEventTime"] - own["firstEventTime"] == 2_000
    assert found["nope"]["type"] == "FIELD_INDEX" and "firstEventTime" not in found["nope"]
    assert found["@logStream"]["indexCategory"] == "DEFAULT"


def test_policies_of_the_account(logs: Logs) -> None:
    put = logs.api.put_account_policy
    criteria = 'LogGroupNamePrefix IN ["app-"]'
    made = put(policyName="p", policyType="FIELD_INDEX_POLICY", policyDocument=DOCUMENT, selectionCriteria=criteria)
    assert made["accountPolicy"]["selectionCriteria"] == criteria and made["accountPolicy"]["scope"] == "ALL"
    for group in ("app-1", "app-2", "web"):
        logs.put(group, "x")
    own = json.dumps({"Fields": ["userId"]})
    logs.api.put_index_policy(logGroupIdentifier="app-2", policyDocument=own)
    for group in ("app-1", "app-2", "web"):
        logs.put(group, event("a", userId="u", group=group))
    groups = {"logGroupNames": ["app-1", "app-2", "web"]}
    by_request = logs.rows("filterIndex requestId = 'a' | display group", **groups)
    by_user = logs.rows("filterIndex userId = 'u' | display group", **groups)
    # A group's own policy takes the place of the account's.
    assert [row["group"] for row in by_request] == ["app-1"] and [row["group"] for row in by_user] == ["app-2"]
    sources = [logs.api.describe_index_policies(logGroupIdentifiers=[group])["indexPolicies"] for group in
               ("app-1", "app-2", "web")]  # fmt: skip
    assert [[each["source"] for each in listed] for listed in sources] == [["ACCOUNT"], ["LOG_GROUP"], []]
    with pytest.raises(logs.api.exceptions.InvalidParameterException, match="overlap"):
        put(policyName="q", policyType="FIELD_INDEX_POLICY", policyDocument=DOCUMENT,
            selectionCriteria='LogGroupNamePrefix IN ["app-1"]')  # fmt: skip
    listed = logs.api.describe_account_policies(policyType="FIELD_INDEX_POLICY")["accountPolicies"]
    assert [each["policyName"] for each in listed] == ["p"]
    assert logs.api.describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")["accountPolicies"] == []
    logs.api.delete_account_policy(policyName="p", policyType="FIELD_INDEX_POLICY")
    assert logs.api.describe_account_policies(policyType="FIELD_INDEX_POLICY")["accountPolicies"] == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"policyType": "TRANSFORMER_POLICY"}, "NotImplemented"),
        ({"selectionCriteria": "LogGroupName NOT IN ['a']"}, "InvalidParameterException"),
        ({"selectionCriteria": 'LogGroupNamePrefix IN [""]'}, "InvalidParameterException"),
        ({"selectionCriteria": 'DataSourceName IN ["a"]'}, "NotImplemented"),
        ({"policyDocument": "[]"}, "InvalidParameterException"),
    ],
)
def test_what_is_no_policy_of_the_account(logs: Logs, request_: dict[str, str], code: str) -> None:
    given = {"policyName": "p", "policyType": "FIELD_INDEX_POLICY", "policyDocument": DOCUMENT, **request_}
    with pytest.raises(ClientError) as caught:
        logs.api.put_account_policy(**given)
    assert caught.value.response["Error"]["Code"] == code


def test_a_group_that_is_made_again_has_no_index(logs: Logs) -> None:
    logs.put("g", "x")
    logs.api.put_index_policy(logGroupIdentifier="g", policyDocument=DOCUMENT)
    logs.api.delete_log_group(logGroupName="g")
    logs.put("g", event("a"))
    assert logs.rows("filterIndex requestId = 'a'") == []
    assert logs.api.describe_index_policies(logGroupIdentifiers=["g"])["indexPolicies"] == []
