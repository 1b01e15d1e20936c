"""What a page on the open web can make its visitor's browser send must change nothing here."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from tests.support.aws import Account

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CREATE = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.99.0.0/16"


def status(account: Account, path: str, headers: dict[str, str], body: str | None = None) -> int:
    scope = f"{account.number}%2F20261201%2Fus-east-1%2Fec2%2Faws4_request"
    signed = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date=20261201T000000Z&X-Amz-Expires=60"
    query = f"{signed}&X-Amz-SignedHeaders=host&X-Amz-Signature=abc"
    url = f"{account.cloud.endpoint}{path}{'&' if '?' in path else '?'}{query}"
    request = urllib.request.Request(url, data=None if body is None else body.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def made(account: Account) -> int:
    return len(account.ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.99.0.0/16"]}])["Vpcs"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://evil.example:4566", "Host": "evil.example:4566"},
    ],
)
def test_a_form_from_elsewhere_makes_nothing(account: Account, headers: dict[str, str]) -> None:
    assert status(account, "/", FORM | headers, CREATE) == 403
    assert status(account, "/_cloudarium/reset", headers, "{}") == 403
    assert made(account) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Host": "evil.example:4566"},
    ],
)
def test_a_picture_is_no_call(account: Account, headers: dict[str, str]) -> None:
    assert status(account, f"/?{CREATE}", headers) == 403
    assert made(account) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://app.localhost:3000", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://[::1]:3000"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_programs_and_pages_of_this_machine_are_served(account: Account, headers: dict[str, str]) -> None:
    assert status(account, "/", FORM | headers, CREATE) == 200
    assert made(account) == 1
