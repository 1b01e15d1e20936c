"""``cloudarium``: parses the command line, runs one command, turns failures into words and an exit status."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from cloudarium.cli.failure import REFUSED, USAGE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Command = Callable[[argparse.Namespace], int]

DEFAULT_PORT = 4566


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0 done, 1 refused or failed, 2 usage, 3 no cloud running on that port."""
    parser = build_parser()
    words, rest = _split(sys.argv[1:] if arguments is None else list(arguments))
    options = parser.parse_args(words)
    options.rest = rest
    try:
        if options.command is None:
            parser.print_help()
            return USAGE
        if options.port is None:
            options.port = _default_port()
        return _command(options.command)(options)
    except Failure as failure:
        _complain(failure, getattr(options, "json", False))
        return failure.status
    except ValueError as error:
        _complain(Failure(str(error)), getattr(options, "json", False))
        return USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain about it on exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return REFUSED


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and what follows two dashes: a command of somebody else's (``exec``)."""
    if "exec" not in words or "--" not in words:
        return words, []
    cut = words.index("--")
    return words[:cut], words[cut + 1 :]


def _complain(failure: Failure, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": failure.error, "hint": failure.hint}), file=sys.stderr)
    else:
        print(f"cloudarium: {failure.error}" + (f"\n  {failure.hint}" if failure.hint else ""), file=sys.stderr)


def _default_port() -> int:
    """The port of ``CLOUDARIUM_PORT``, which ``cloudarium env`` exports, or the usual one."""
    text = os.environ.get("CLOUDARIUM_PORT")
    return int(_argument("port")(text)) if text else DEFAULT_PORT


def _command(name: str) -> Command:
    """The function of a command; only its own module is imported."""
    from importlib import import_module

    command: Command = getattr(import_module(f"cloudarium.cli.{_MODULES[name]}"), name)
    return command


_MODULES = {
    "up": "up",
    "down": "tree",
    "status": "tree",
    "reset": "settings",
    "env": "settings",
    "resolve": "network",
    "attach": "network",
    "detach": "network",
    "exec": "exec",
    "image": "image",
    "agent": "agent",
    "clock": "settings",
    "coverage": "settings",
    "version": "settings",
}


def _argument(kind: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        from cloudarium.cli import arguments

        try:
            return getattr(arguments, kind)(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="cloudarium",
        description="AWS on your own machine, running.",
        epilog="Exit status: 0 done, 1 refused or failed, 2 wrong arguments, 3 no cloud running on that port.",
    )
    port, account, region = _argument("port"), _argument("account"), _argument("region")
    port_help = f"which cloud, by its port (default: $CLOUDARIUM_PORT or {DEFAULT_PORT})"
    parser.add_argument("--port", type=port, default=None, metavar="N", help=port_help)
    parser.add_argument("--version", action="store_const", const="version", dest="command")
    parser.set_defaults(json=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str, help_: str, *, takes_port: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_, description=help_)
        if takes_port:
            command.add_argument("--port", type=port, default=argparse.SUPPRESS, metavar="N", help=port_help)
        command.add_argument("--json", action="store_true", help="print JSON")
        return command

    up = add("up", "start a cloud")
    where = up.add_mutually_exclusive_group()
    where.add_argument("--data", metavar="DIR", help="keep state there (default: $XDG_DATA_HOME/cloudarium/<port>)")
    where.add_argument("--ephemeral", action="store_true", help="keep everything in memory")
    up.add_argument(
        "--compute",
        choices=("auto", "runc", "docker"),
        help="what runs containers; docker: the engine at $DOCKER_HOST (default: $CLOUDARIUM_COMPUTE, else auto)",
    )
    up.add_argument("--detach", action="store_true", help="run in the background; returns once the cloud is ready")
    add("down", "stop a cloud and wait until nothing of it is left")
    add("status", "say how a cloud is doing")
    add("reset", "delete every resource; the cloud goes on running")

    env = add("env", 'print settings for a shell: eval "$(cloudarium env)"')
    env.add_argument("--account", type=account, metavar="ID", help="a 12-digit account id, used as the access key id")
    env.add_argument("--region", type=region, default="us-east-1", help="default: us-east-1")

    resolve = add("resolve", "print a loopback address that leads to a name inside the cloud")
    resolve.add_argument("name", metavar="NAME")
    resolve.add_argument("target_port", metavar="PORT", nargs="?", type=port, help="the port behind the name")

    attach = add("attach", "give a program on this machine an address in a subnet", takes_port=False)
    attach.add_argument("--subnet", required=True, metavar="ID")
    attach.add_argument("--security-group", action="append", default=[], metavar="ID", help="may be repeated")
    attach.add_argument(
        "--port",
        dest="ports",
        action="append",
        default=[],
        type=port,
        metavar="N",
        help="the port of the address in the subnet (default: that of --to); "
        "to say which cloud, write: cloudarium --port N attach …",
    )
    attach.add_argument("--to", required=True, metavar="HOST:PORT", help="where the program listens on this machine")
    detach = add("detach", "end an attachment")
    detach.add_argument("id", metavar="ENI-ID-OR-ADDRESS")
    exec_ = add("exec", "run a command in a container of an ECS task: exec TASK [CONTAINER] -- sh")
    exec_.add_argument("task", metavar="TASK", help="id or ARN")
    exec_.add_argument("container", metavar="CONTAINER", nargs="?", help="default: the task's only one")
    exec_.add_argument("--cluster", metavar="NAME", help="default: whichever has the task")
    for command in (attach, detach, exec_):
        command.add_argument(
            "--account", type=account, metavar="ID", help="default: $AWS_ACCESS_KEY_ID if that is an account id"
        )
        command.add_argument("--region", type=region, help="default: $AWS_REGION")

    image = add("image", "bring images in, list and remove them")
    from cloudarium.cli.image import add_arguments

    add_arguments(image)

    agent = add("agent", "run the CloudWatch agent on this machine", takes_port=False)
    from cloudarium.cli.agent import add_arguments as add_agent_arguments

    add_agent_arguments(agent)

    clock = add("clock", "read or steer the cloud's clock")
    clock.add_argument(
        "action", nargs="?", default="now", choices=["now", "freeze", "resume", "advance", "scale"], metavar="ACTION",
        help="now (default), freeze, resume, advance DURATION, scale X",
    )  # fmt: skip
    clock.add_argument("value", nargs="?", metavar="VALUE", help="a duration (90, 5m, 1h30m, 2d) or a scale (60)")
    coverage = add("coverage", "print what is real, partial or refused, per operation")
    coverage.add_argument("service", nargs="?", metavar="SERVICE")
    add("version", "print the version", takes_port=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
