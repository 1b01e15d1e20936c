"""``env``, ``reset``, ``clock``, ``coverage``, ``version``."""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any

from cloudarium import __version__
from cloudarium.cli import admin
from cloudarium.cli.failure import OK, Failure

_ADVANCE_SECONDS = 3600.0
"""Host seconds an ``advance`` may take: a year of timers takes its time."""


def env(options: argparse.Namespace) -> int:
    """Print what a shell needs so that the AWS CLI, SDKs and Terraform use this cloud."""
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{options.port}",
        "AWS_ACCESS_KEY_ID": options.account or "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": options.region,
        "AWS_REGION": options.region,
        # Some calls (StartLiveTail) go to a name made of a prefix and the endpoint's, which here is an address.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "CLOUDARIUM_PORT": str(options.port),
    }
    if options.json:
        print(json.dumps(variables))
        return OK
    for name, value in variables.items():
        print(f"export {name}={value}")
    # Left over from real accounts, these would win over the keys above or be sent with them.
    print("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
    return OK


def reset(options: argparse.Namespace) -> int:
    """Delete every resource of every account; the cloud goes on running."""
    answer = admin.call(options.port, "POST", "reset", {}, timeout=120.0)
    print(json.dumps(answer) if options.json else f"The cloud on port {options.port} is empty now")
    return OK


def clock(options: argparse.Namespace) -> int:
    """Read or steer the cloud's clock."""
    body = _clock_request(options.action, options.value)
    if body is None:
        answer = admin.call(options.port, "GET", "clock")
    else:
        answer = admin.call(options.port, "POST", "clock", body, timeout=_ADVANCE_SECONDS)
    if options.json:
        print(json.dumps(answer))
    else:
        mode = {"real": "", "frozen": "  frozen"}.get(str(answer.get("mode")), f"  {answer.get('scale'):g} x real time")
        print(f"{answer['now']}{mode}")
    return OK


def _clock_request(action: str, value: str | None) -> dict[str, Any] | None:
    from cloudarium.cli.arguments import duration, scale

    if (value is None) != (action not in ("advance", "scale")):
        wanted = {"advance": " DURATION, for example 5m", "scale": " X, for example 60"}.get(action, ", nothing more")
        raise ValueError(f"write: cloudarium clock {action}{wanted}")
    if action == "now":
        return None
    if action == "advance":
        return {"action": "advance", "seconds": duration(value or "")}
    if action == "scale":
        return {"action": "scale", "scale": scale(value or "")}
    return {"action": action}


def coverage(options: argparse.Namespace) -> int:
    """Print the ledger: which operation is real, partial, or refused, and who answers it."""
    from urllib.parse import quote

    path = "coverage" + (f"?service={quote(options.service)}" if options.service else "")
    answer = admin.call(options.port, "GET", path)
    if options.json:
        print(json.dumps(answer))
        return OK
    services: dict[str, dict[str, Any]] = answer.get("services", {})
    if options.service and not services:
        raise Failure(f"there is no service {options.service!r}", "names are those of the AWS CLI: ec2, elbv2, sts …")
    for name, service in sorted(services.items()):
        operations: dict[str, str] = service.get("operations", {})
        if options.service:
            print(f"{name}: answered by {service.get('owner')}")
            for operation, state in sorted(operations.items()):
                print(f"  {operation:<48} {state}")
        else:
            print(f"{name:<28} {service.get('owner', ''):<12} {_count(operations)}")
    return OK


def _count(operations: dict[str, str]) -> str:
    """``31 real, 2 partial, 5 refused``."""
    counts = dict.fromkeys(("real", "partial", "refused"), 0)
    for state in operations.values():
        word = state.partition(":")[0]
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def version(options: argparse.Namespace) -> int:
    """Print the version."""
    if options.json:
        print(json.dumps({"version": __version__, "python": platform.python_version()}))
    else:
        print(f"cloudarium {__version__} (Python {platform.python_version()})")
    return OK
