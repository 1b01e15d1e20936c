"""``cloudarium image …``: images that containers of this cloud run, without a registry."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from typing import Any

from cloudarium.cli import admin
from cloudarium.cli.failure import OK, USAGE, Failure

_HOST_SECONDS = 1800.0
"""How long an import or a pull may take: gigabytes over somebody's line."""


def add_arguments(image: argparse.ArgumentParser) -> None:
    """The subcommands of ``image``."""
    actions = image.add_subparsers(dest="action", metavar="ACTION", required=True)

    def add(name: str, help_: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=help_, description=help_)
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
        return action

    bring = add("import", "name an image from a folder, an OCI layout, or an archive (docker save, OCI, plain tar)")
    bring.add_argument("path", metavar="PATH")
    bring.add_argument("name", metavar="NAME")
    bring.add_argument("--tag", default="", help="which of several images in an archive")
    bring.add_argument("--platform", default="", metavar="OS/ARCH", help="default: this machine's")
    for name, help_ in (
        ("busybox", "make a small image of this machine's busybox"),
        ("demo", "make an image of this machine's Python, with busybox"),
    ):
        add(name, help_).add_argument("name", metavar="NAME")
    for action in (bring, actions.choices["busybox"], actions.choices["demo"]):
        action.add_argument("--cmd", metavar="WORDS", help='what to run: "python3 -m http.server", or a JSON array')
        action.add_argument("--entrypoint", metavar="WORDS")
        action.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
        action.add_argument("--workdir", default="", metavar="DIR")
        action.add_argument("--user", default="")
        action.add_argument("--expose", action="append", default=[], metavar="PORT", help="may be repeated")
    pull = add("pull", "fetch an image from a registry, ahead of its use")
    pull.add_argument("name", metavar="REFERENCE")
    pull.add_argument("--platform", default="", metavar="OS/ARCH")
    add("ls", "list the imported images")
    add("rm", "forget an imported image").add_argument("name", metavar="NAME")
    add("prune", "delete what nothing needs any more")


def image(options: argparse.Namespace) -> int:
    """Run one of the subcommands."""
    action: str = options.action
    body: dict[str, Any] = {key: value for key in ("name", "tag", "platform") if (value := getattr(options, key, ""))}
    if action in ("import", "busybox", "demo"):
        body["changes"] = _changes(options)
    if action == "import":
        body["path"] = os.path.abspath(options.path)
        if not os.path.exists(body["path"]):
            raise Failure(f"there is no {options.path}")
    name = {"ls": "list", "rm": "remove", "busybox": "machine", "demo": "machine"}.get(action, action)
    if name == "machine":
        body["kind"] = "busybox" if action == "busybox" else "python"
    answer = admin.call(options.port, "POST", f"images/{name}", body, timeout=_HOST_SECONDS)
    print(json.dumps(answer) if options.json else _words(action, answer, body))
    return OK


def _changes(options: argparse.Namespace) -> dict[str, Any]:
    for item in options.env:
        if "=" not in item:
            raise Failure(f"--env {item} has no value", "write NAME=VALUE", USAGE)
    return {
        "cmd": _command(options.cmd),
        "entrypoint": _command(options.entrypoint),
        "env": options.env,
        "working_dir": options.workdir,
        "user": options.user,
        "exposed_ports": options.expose,
    }


def _command(text: str | None) -> list[str]:
    """Words as a shell would split them, or a JSON array of strings."""
    if not text:
        return []
    try:
        if text.lstrip().startswith("["):
            words = json.loads(text)
            if isinstance(words, list) and all(isinstance(word, str) for word in words):
                return words
            raise ValueError("not an array of strings")
        return shlex.split(text)
    except ValueError as error:
        raise Failure(f"{text!r} is no command: {error}", "write words, or a JSON array of strings", USAGE) from None


def _words(action: str, answer: dict[str, Any], body: dict[str, Any]) -> str:
    if action == "ls":
        rows = [("NAME", "DIGEST", "SIZE", "CREATED")]
        rows += [(i["name"], i["digest"][7:19], _size(i["size"]), i["created"]) for i in answer["images"]]
        return "\n".join(f"{a:<40} {b:<14} {c:>10}  {d}" for a, b, c, d in rows)
    if action == "rm":
        return f"{answer['removed']} is forgotten; cloudarium image prune frees its space"
    if action == "prune":
        return (
            f"{answer['blobs']} blobs ({_size(answer['bytes'])}), {answer['layers']} unpacked layers, "
            f"{answer['uploads']} unfinished uploads deleted"
        )
    return f"{body['name']}: {answer['digest']} ({answer['platform']}, {_size(answer['size'])})"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
