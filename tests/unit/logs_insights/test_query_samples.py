"""What AWS's own pages show as samples, on lines of our own: each query runs as it is written there, and finds this.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-examples.html and the pages of the commands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Rows = list[dict[str, str]]
APP = [
    "10:00 [INFO] user=ann, method:GET, latency := 20 Status Code: 200;",
    "10:01 [ERROR] java.lang.Exception: user=bob, method:PUT, latency := 60 Status Code: 404;",
    "10:02 [ERROR] failure of Exception user=ann, method:GET, latency := 40 Status Code: 500;",
    "10:03 [WARN] url=/api/v2/users/77",
]
GENERAL: list[tuple[str, Rows]] = [
    ("fields @message | sort @timestamp desc | limit 1", [{"@message": APP[3]}]),
    (
        "filter @message like /Exception/ \n    | stats count(*) as exceptionCount by bin(1h)\n"
        "    | sort exceptionCount desc",
        [{"bin(1h)": "2021-01-01 00:00:00.000", "exceptionCount": "2"}],
    ),
    ("fields @message | filter @message not like /Exception/", [{"@message": APP[3]}, {"@message": APP[0]}]),
    (
        'parse @message "user=*, method:*, latency := * " as @user,\n    @method, @latency '
        "| stats avg(@latency) by @method,\n    @user | filter ispresent(@user)",
        [
            {"@method": "GET", "@user": "ann", "avg(@latency)": "30"},
            {"@method": "PUT", "@user": "bob", "avg(@latency)": "60"},
        ],
    ),
    (
        "parse @message /user=(?<user2>.*?), method:(?<method2>.*?),\n    latency := (?<latency2>.*?)/ "
        "| stats avg(latency2) by method2, \n    user2",
        # The page breaks the line within the expression, which then looks for a break in the events.
        [{}],
    ),
    (
        'FIELDS @message\n    | PARSE @message "* [*] *" as loggingTime, loggingType, loggingMessage\n'
        '    | FILTER loggingType IN ["ERROR", "INFO"]\n'
        '    | DISPLAY loggingTime, loggingType = "ERROR" as isError',
        [
            {"loggingTime": "10:02", "isError": "1"}, {"loggingTime": "10:01", "isError": "1"},
            {"loggingTime": "10:00", "isError": "0"},
        ],
    ),
    (
        'parse @message "url=*" as url\n| parse url "/api/*/users/*" as apiVersion, userId\n'
        "| display apiVersion, userId | limit 1",
        [{"apiVersion": "v2", "userId": "77"}],
    ),
    (
        'parse @message "Status Code: *;" as statusCode\n | filter statusCode >= 400 and statusCode <= 499\n'
        " | filter toMillis(@timestamp) >= (now() * 1000 - 7200000) | display statusCode",
        [{"statusCode": "404"}],
    ),
    (
        "fields @message \n| filter @message like /(?i)(error|failure)/ \n"
        "| filter toMillis(@timestamp) >= (now() * 1000 - 18000000)",
        [{"@message": APP[2]}, {"@message": APP[1]}],
    ),
    (
        "parse @message /latency := (\\d+)/ as ms\n| stats max(ms) as slowest by if(ms >= 50, 'slow', 'fast') as speed "
        "| filter ispresent(slowest) | sort slowest",
        [{"speed": "fast", "slowest": "40"}, {"speed": "slow", "slowest": "60"}],
    ),
    ("filter @message like 'latency' # only some\n| stats count(*) as c # of them\n# all", [{"c": "3"}]),
    (
        "FIELDS strlen(@message) AS message_length\n| STATS sum(message_length)/1024/1024 as logs_mb BY bin(5m)\n"
        "| STATS max(logs_mb) AS peak_ingest_mb,\n        min(logs_mb) AS min_ingest_mb,\n"
        "        avg(logs_mb) AS avg_ingest_mb",
        [{"peak_ingest_mb": "0.0003", "min_ingest_mb": "0.0003", "avg_ingest_mb": "0.0003"}],
    ),
    (
        "FIELDS strlen(@message) AS message_length\n"
        "| STATS sum(message_length) AS bytes BY BIN(5m) as @t\n"
        "| STATS max(bytes) AS peak BY dateceil(@t, 10m)",
        [{"dateceil(@t, 10m)": "2021-01-01 00:00:00.000", "peak": str(sum(map(len, APP)))}],
    ),
    (
        "FIELDS strlen(@message) AS message_length\n"
        " | STATS sum(message_length) AS ingested_bytes, max(@timestamp) as @t BY @logStream\n"
        " | STATS avg(ingested_bytes) as a BY dateceil(@t, 5m)",
        [{"dateceil(@t, 5m)": "2021-01-01 00:05:00.000", "a": str(sum(map(len, APP)))}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("query", "found"), GENERAL)
def test_samples_of_any_logs(run: Callable[..., Any], query: str, found: Rows) -> None:
    assert run(query, APP) == found


STRUCTURED = [
    {"status_code": 200, "users": [{"action": "GetData"}, {"action": "PutData"}], "user.id": "123", "ms": 12},
    {"status_code": 500, "users": [{"action": "GetData"}], "user.id": "9", "ms": 250, "errorMessage": "no"},
    {"status_code": 200, "roles": ["admin", "dev"], "client_ip": "203.0.113.9", "session_id": "s", "ms": 7},
    {"status_code": 403, "roles": [], "client_ip": "8.8.8.8", "session_id": "s", "ms": 70},
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            "fields jsonParse(@message) as json_message\n| stats count() by json_message.status_code",
            [
                {"json_message.status_code": "200", "count()": "2"},
                {"json_message.status_code": "403", "count()": "1"},
                {"json_message.status_code": "500", "count()": "1"},
            ],
        ),
        (
            'fields jsonParse(@message) as json_message\n| filter json_message.users[1].action = "PutData"\n'
            "| display json_message.ms",
            [{"json_message.ms": "12"}],
        ),
        (
            'fields jsonParse(@message) as json_message\n| filter json_message.`user.id` = "123"\n'
            "| display json_message.`user.id`",
            [{"json_message.user.id": "123"}],
        ),
        ("fields jsonParse(@message) as json_message\n| display toupper(json_message) | limit 1", [{}]),
        ('filter jsonArrayContains(roles, "admin") | fields ms', [{"ms": "7"}]),
        ("filter isPublicIP(client_ip) | fields client_ip", [{"client_ip": "8.8.8.8"}]),
        (
            "STATS count_distinct(client_ip) AS session_ips,\n      count(*) AS requests BY session_id\n"
            "| FILTER session_ips > 1\n| STATS count(*) AS multiple_ip_sessions,\n"
            "        sum(requests) / count(*) AS avg_session_requests",
            [{"multiple_ip_sessions": "1", "avg_session_requests": "2"}],
        ),
        (
            "stats avg(ms), min(ms), max(ms) by bin(5m)",
            [{"bin(5m)": "2021-01-01 00:00:00.000", "avg(ms)": "84.75", "min(ms)": "7", "max(ms)": "250"}],
        ),
        (
            "filter status_code >= 400 and status_code <= 499 | fields status_code, client_ip | sort @timestamp desc "
            "| limit 10",
            [{"status_code": "403", "client_ip": "8.8.8.8"}],
        ),
        (
            "filter ispresent(errorMessage) | stats count(*) by status_code, errorMessage",
            [{"status_code": "500", "errorMessage": "no", "count(*)": "1"}],
        ),
        (
            "fields case(ms < 10, 'fast', ms < 100, 'fair', 'slow') as speed | stats count(*) as c by speed "
            "| sort speed",
            [{"speed": "fair", "c": "2"}, {"speed": "fast", "c": "1"}, {"speed": "slow", "c": "1"}],
        ),
        (
            "fields formatDate(@timestamp, \"%Y-%m-%d\", \"UTC\") as date | stats count(*) by date",
            [{"date": "2021-01-01", "count(*)": "4"}],
        ),
        ("stats count_over_time(ms) as n, sum_over_time(ms) as s by bin(5m) as t | display n, s",
         [{"n": "4", "s": "339"}]),
    ],
)  # fmt: skip
def test_samples_of_structured_logs(run: Callable[..., Any], query: str, found: Rows) -> None:
    assert run(query, [json.dumps(each) for each in STRUCTURED]) == found


def _report(duration: float, used: int) -> str:
    return (
        f"REPORT RequestId: 8f507cfc-0000-4697-b07a-ac58fc914c95\tDuration: {duration} ms\tBilled Duration: 103 ms\t"
        f"Memory Size: 512 MB\tMax Memory Used: {used} MB\t\n"
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            'filter @type = "REPORT"\n'
            "    | stats max(@memorySize / 1000 / 1000) as provisonedMemoryMB,\n"
            "        min(@maxMemoryUsed / 1000 / 1000) as smallestMemoryRequestMB,\n"
            "        avg(@maxMemoryUsed / 1000 / 1000) as avgMemoryUsedMB,\n"
            "        max(@maxMemoryUsed / 1000 / 1000) as maxMemoryUsedMB,\n"
            "        provisonedMemoryMB - maxMemoryUsedMB as overProvisionedMB",
            [
                {
                    "provisonedMemoryMB": "512", "smallestMemoryRequestMB": "100", "avgMemoryUsedMB": "125",
                    "maxMemoryUsedMB": "150", "overProvisionedMB": "362",
                }
            ],
        ),
        (
            'filter @type = "REPORT" |\n    stats avg(@duration), max(@duration), min(@duration) by bin(5m)',
            [
                {
                    "bin(5m)": "2021-01-01 00:00:00.000", "avg(@duration)": "15.25", "max(@duration)": "20.5",
                    "min(@duration)": "10",
                }
            ],
        ),
        (
            'filter @type = "REPORT" and @duration > 15 | fields @requestId, @duration | sort @duration desc',
            [{"@requestId": "8f507cfc-0000-4697-b07a-ac58fc914c95", "@duration": "20.5"}],
        ),
    ],
)  # fmt: skip
def test_samples_of_lambdas_logs(run: Callable[..., Any], query: str, found: Rows) -> None:
    lines = ["START RequestId: 8f507cfc-0000-4697-b07a-ac58fc914c95", _report(10, 100), _report(20.5, 150)]
    assert run(query, lines, group="/aws/lambda/f") == found


def _flow(source: str, target: str, protocol: int, packets: int, size: int, status: str = "OK") -> str:
    return f"2 123456789012 eni-0a 10.0.{source} {target} 443 {443} {protocol} {packets} {size} 1 2 ACCEPT {status}"


FLOWS = [
    _flow("0.1", "192.0.2.7", 6, 10, 1000), _flow("0.1", "192.0.2.7", 6, 5, 500), _flow("0.2", "192.0.2.7", 17, 1, 40),
    _flow("0.2", "10.0.0.1", 17, 2, 80, "SKIPDATA"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            "stats sum(packets) as packetsTransferred by srcAddr, dstAddr\n    | sort packetsTransferred  desc\n"
            "    | limit 1",
            [{"srcAddr": "10.0.0.1", "dstAddr": "192.0.2.7", "packetsTransferred": "15"}],
        ),
        (
            'filter isIpv4InSubnet(srcAddr, "10.0.0.0/24")\n    | stats sum(bytes) as bytesTransferred by dstAddr\n'
            "    | sort bytesTransferred desc\n    | limit 15",
            [
                {"dstAddr": "192.0.2.7", "bytesTransferred": "1540"}, {"dstAddr": "10.0.0.1", "bytesTransferred": "80"},
            ],
        ),
        ("filter protocol=17 | stats count(*) by srcAddr", [{"srcAddr": "10.0.0.2", "count(*)": "2"}]),
        (
            'filter logStatus="SKIPDATA"\n    | stats count(*) by bin(1h) as t\n    | sort t',
            [{"t": "2021-01-01 00:00:00.000", "count(*)": "1"}],
        ),
        (
            "filter (dstAddr like '192.0.2.7' and srcAddr like '10.0.') \n"
            "| stats sum(bytes) as bytesTransferred by srcAddr, dstAddr\n| sort bytesTransferred desc\n| limit 10",
            [
                {"srcAddr": "10.0.0.1", "dstAddr": "192.0.2.7", "bytesTransferred": "1500"},
                {"srcAddr": "10.0.0.2", "dstAddr": "192.0.2.7", "bytesTransferred": "40"},
            ],
        ),
        (
            "filter (srcAddr like '10.0.0.2' and dstAddr not like '10.0.') \n"
            "| stats sum(bytes) as bytesTransferred by srcAddr, dstAddr",
            [{"srcAddr": "10.0.0.2", "dstAddr": "192.0.2.7", "bytesTransferred": "40"}],
        ),
        (
            "parse @message /(?<NetworkInterface>eni-.*?) /\n| display NetworkInterface | limit 1",
            [{"NetworkInterface": "eni-0a"}],
        ),
        (
            "parse @message /(\\d+\\.\\d+\\.\\d+\\.\\d+)/ as ip_addr multi\n| stats count(*) by ip_addr",
            [
                {"ip_addr": "10.0.0.1", "count(*)": "3"}, {"ip_addr": "10.0.0.2", "count(*)": "2"},
                {"ip_addr": "192.0.2.7", "count(*)": "3"},
            ],
        ),
    ],
)  # fmt: skip
def test_samples_of_flow_logs(run: Callable[..., Any], query: str, found: Rows) -> None:
    assert run(query, FLOWS) == found


def _dns(name: str, kind: str, code: str, resolver: str) -> str:
    return f"1.0 2021-01-01T00:00:00Z Z0123456789 {name} {kind} {code} UDP FRA53 {resolver} -"


DNS = [
    _dns("a.example.com", "A", "NOERROR", "192.0.2.1"), _dns("b.example.com", "AAAA", "SERVFAIL", "192.0.2.2"),
    _dns("a.example.com", "A", "NOERROR", "192.0.2.2"),
]  # fmt: skip
TRAIL = [
    {"eventSource": "ec2.amazonaws.com", "eventName": "StartInstances", "awsRegion": "us-east-2"},
    {"eventSource": "ec2.amazonaws.com", "eventName": "StopInstances", "awsRegion": "us-east-1"},
    {
        "eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "awsRegion": "us-east-1",
        "requestParameters": {"userName": "ann"}, "responseElements": {"user": {"arn": "arn:aws:iam::1:user/ann"}},
    },
    {"eventName": "UpdateTrail", "errorCode": "TrailNotFoundException", "errorMessage": "Unknown trail"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            "stats count(*) by queryType, bin(1h)",
            [
                {"queryType": "A", "bin(1h)": "2021-01-01 00:00:00.000", "count(*)": "2"},
                {"queryType": "AAAA", "bin(1h)": "2021-01-01 00:00:00.000", "count(*)": "1"},
            ],
        ),
        (
            "stats count(*) as numRequests by resolverIp\n    | sort numRequests desc\n    | limit 1",
            [{"resolverIp": "192.0.2.2", "numRequests": "2"}],
        ),
        (
            'filter responseCode="SERVFAIL" | stats count(*) by queryName',
            [{"queryName": "b.example.com", "count(*)": "1"}],
        ),
    ],
)
def test_samples_of_route_53s_logs(run: Callable[..., Any], query: str, found: Rows) -> None:
    assert run(query, DNS) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            "filter awsRegion like 'us-east-1' | stats count(*) by eventSource, eventName, awsRegion",
            [
                {
                    "eventSource": "ec2.amazonaws.com", "eventName": "StopInstances", "awsRegion": "us-east-1",
                    "count(*)": "1",
                },
                {
                    "eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "awsRegion": "us-east-1",
                    "count(*)": "1",
                },
            ],
        ),
        (
            'filter (eventName="StartInstances" or eventName="StopInstances") and awsRegion="us-east-2" '
            "| display eventName",
            [{"eventName": "StartInstances"}],
        ),
        (
            'filter eventName="CreateUser"\n'
            "    | fields awsRegion, requestParameters.userName, responseElements.user.arn",
            [
                {
                    "awsRegion": "us-east-1", "requestParameters.userName": "ann",
                    "responseElements.user.arn": "arn:aws:iam::1:user/ann",
                }
            ],
        ),
        (
            'filter eventName="UpdateTrail" and ispresent(errorCode)\n'
            "    | stats count(*) by errorCode, errorMessage",
            [{"errorCode": "TrailNotFoundException", "errorMessage": "Unknown trail", "count(*)": "1"}],
        ),
    ],
)  # fmt: skip
def test_samples_of_cloudtrails_logs(run: Callable[..., Any], query: str, found: Rows) -> None:
    assert run(query, [json.dumps(each) for each in TRAIL]) == found
