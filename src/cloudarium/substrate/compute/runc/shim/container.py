"""The container of a shim: what is done to it, and what is written down when it ends.

States: ``new`` → ``created`` → ``running`` → ``exited``; a container that is killed before it was started goes from
``created`` to ``exited``.
"""

from __future__ import annotations

import json
import os
import signal
import socket

# Host time: processes start and end in the host's time.
from time import time

from cloudarium.substrate.compute.runc.shim import execs, kernel, reaper, rootfs
from cloudarium.substrate.compute.runc.shim.output import Output, pipe
from cloudarium.substrate.compute.runc.shim.spool import Nowhere, Spool
from cloudarium.substrate.compute.runc.shim.users import UnknownUser
from cloudarium.substrate.host import proctree
from cloudarium.substrate.host.loop import Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Answer = Callable[..., object]

_MESSAGE_LIMIT = 4000
_TRY, _TRIES = 0.001, 100
"""Host seconds between looks at what a container executes, and how many: some programs cannot be looked at."""
_DEFAULTS = [signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD, signal.SIGXFSZ]


class Refused(Exception):
    """What cannot be done; ``kind`` is one of ``ComputeError``'s."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Container:
    """One container; ``tell(event)`` is for the cloud. The current folder is the bundle, which the tree takes along."""

    def __init__(
        self, loop: Loop, children: Any, folder: str, network: int | None, tell: Callable[[dict[str, Any]], object]
    ) -> None:
        self._loop = loop
        self._children = children
        self._folder = folder
        self.network = network
        self._tell = tell
        self._plan: dict[str, Any] = {}
        self._state = "new"
        self._pid: int | None = None
        self._reaper: int | None = None
        self._namespaces: dict[str, int] = {}
        self._exit: dict[str, Any] | None = None
        self._started_at: float | None = None
        self._on_exit: Callable[[], object] | None = None
        self._spool: Spool | None = None
        self._output: Output | None = None
        self._output_waiters: list[Callable[[], object]] = []
        self._kept: list[int] = []
        self._execs: dict[int, int] = {}
        self._busy = False
        self._dead = False
        self._runc_pid: int | None = None
        self._home_is_users = False

    # -- create and start ------------------------------------------------------------------------------------------

    def create(self, answer: Answer) -> None:
        """Mount, resolve, have runc make the container. The answer is ``{"pid"}``."""
        if self._state != "new" or self._busy:
            raise Refused("conflict", "the container exists")
        self._busy = True
        try:
            self._create(answer)
        except BaseException:
            self._busy = False
            self._end_reaper()
            raise

    def _create(self, answer: Answer) -> None:
        with open(os.path.join(self._folder, "create.json"), "rb") as file:
            self._plan = plan = json.load(file)
        kernel.unshare(kernel.CLONE_NEWNS)
        if plan["pause"]:
            self._pause(answer)
            return
        if plan["overlay"]["lowers"]:
            rootfs.mount_overlay(plan["overlay"], plan["in_user_namespace"])
        config = plan["config"]
        self._complete(config)
        with open("config.json", "w") as file:
            json.dump(config, file)
        if plan["logs"]["mode"] != "none":
            log_folder = os.open(os.path.join(self._folder, "log"), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._spool = Spool(log_folder, plan["logs"]["limit"], plan["logs"]["mode"] == "non-blocking")
        if plan["terminal"]:
            self._create_with_terminal(answer)
        else:
            self._create_with_pipes(answer)

    def _pause(self, answer: Answer) -> None:
        self._pid, self._namespaces = reaper.start(kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS, self.network)
        self._children.expect(self._pid, self._ended)
        self._state, self._busy = "created", False
        answer({"pid": self._pid, "namespaces": self._paths()})

    def _complete(self, config: dict[str, Any]) -> None:
        """What can be known only here: the user, the descriptors' paths."""
        process = config["process"]
        user = self._user(config["root"]["path"], self._plan["user"])
        process["user"] |= {"uid": user["uid"], "gid": user["gid"]}
        if user["groups"]:
            process["user"]["additionalGids"] = user["groups"]
        if not any(entry.startswith("HOME=") for entry in process["env"]):
            process["env"].append(f"HOME={user['home']}")
            self._home_is_users = True
        if self._plan["init"]:
            self._reaper, self._namespaces = reaper.start(0, None)
        for namespace in config["linux"]["namespaces"]:
            if namespace["type"] == "network" and self.network is not None:
                namespace["path"] = f"/proc/{os.getpid()}/fd/{self.network}"
            elif namespace["type"] == "pid" and self._reaper is not None:
                namespace["path"] = self._paths()["pid"]

    def _user(self, root: str, wanted: str) -> dict[str, Any]:
        try:
            user = rootfs.find_user(root, wanted)
        except UnknownUser as error:
            raise Refused("invalid", str(error)) from None
        if self._plan["in_user_namespace"]:
            if user.uid or user.gid:
                raise Refused(
                    "unsupported",
                    f"user {user.uid}:{user.gid} does not exist here: this cloud runs as an ordinary user, whose "
                    "containers have root only; run the cloud as root",
                )
            user = user._replace(groups=[])
        return user._asdict()

    def _create_with_pipes(self, answer: Answer) -> None:
        stdin_read, stdin_write = os.open(os.devnull, os.O_RDONLY), None
        if self._plan["stdin"]:
            os.close(stdin_read)
            stdin_read, stdin_write = os.pipe()
        if self._spool is None:
            null = os.open(os.devnull, os.O_WRONLY)
            ends, streams = [null, os.dup(null)], {}
        else:
            out, err = pipe(), pipe()
            ends, streams = [out[1], err[1]], {out[0]: 1, err[0]: 2}

        def done(error: str) -> None:
            for fd in (stdin_read, *ends):
                os.close(fd)
            if stdin_write is not None:
                self._kept.append(stdin_write)
            if error:
                for fd in streams:
                    os.close(fd)
            elif self._spool is not None:
                self._output = Output(self._loop, self._spool, streams, self._has_output)
            self._created(error, answer)

        self._runc(["create", "--bundle", ".", "--pid-file", "pid", self._plan["id"]], done, [stdin_read, *ends])

    def _create_with_terminal(self, answer: Answer) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("console")
        listener.listen(1)
        listener.setblocking(False)
        options = ["--bundle", ".", "--pid-file", "pid", "--console-socket", "console"]

        def done(error: str) -> None:
            with listener:
                if not error:
                    try:
                        error = self._take_terminal(listener)
                    except OSError as failure:
                        error = f"runc sent no terminal: {failure}"
            os.unlink("console")
            self._created(error, answer)

        self._runc(["create", *options, self._plan["id"]], done)

    def _take_terminal(self, listener: socket.socket) -> str:
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(1.0)
            _, fds, _, _ = socket.recv_fds(sock, 4096, 1)
        if not fds:
            return "runc sent no terminal"
        os.set_inheritable(fds[0], False)
        self._output = Output(self._loop, self._spool or Nowhere(), {fds[0]: 1}, self._has_output)
        return ""

    def _created(self, error: str, answer: Answer) -> None:
        self._busy = False
        if error:
            self._end_reaper()
            answer({"error": error, "kind": "failed"})
            return
        with open("pid") as file:
            self._pid = int(file.read())
        self._state = "created"
        self._children.expect(self._pid, self._ended)
        answer({"pid": self._pid, "namespaces": self._paths()})

    def _paths(self) -> dict[str, str]:
        """Where others can join this container's namespaces."""
        found = {kind: f"/proc/{self._pid}/ns/{kind}" for kind in ("pid", "ipc")}
        if self._plan.get("pause") or self._plan.get("init"):
            found["pid"] = f"/proc/{os.getpid()}/fd/{self._namespaces['pid']}"
        if self._plan.get("pause"):
            found["ipc"] = f"/proc/{os.getpid()}/fd/{self._namespaces['ipc']}"
        return found

    def start(self, answer: Answer) -> None:
        """Run the program."""
        if self._state != "created" or self._busy:
            raise Refused("exited" if self._state == "exited" else "conflict", f"the container is {self._state}")
        self._busy = True
        if self._plan["pause"]:
            self._started("", answer)
        else:
            before = self._program()
            self._runc(["start", self._plan["id"]], lambda error: self._await_program(before, _TRIES, error, answer))

    def _program(self) -> str:
        """What the first process executes; empty when that is hidden or it has ended."""
        try:
            return os.readlink(f"/proc/{self._pid}/exe")
        except OSError:
            return ""

    def _await_program(self, before: str, tries: int, error: str, answer: Answer) -> None:
        """Runc's start returns a moment before the program is executed: a signal then would meet runc instead."""
        if error or self._dead or not tries or self._program() not in ("", before):
            self._started(error, answer)
        else:
            self._loop.call_later(_TRY, lambda: self._await_program(before, tries - 1, "", answer))

    def _started(self, error: str, answer: Answer) -> None:
        self._busy = False
        if error:
            answer({"error": error, "kind": "failed"})
            return
        self._started_at = time()
        self._state = "running"
        answer({"started_at": self._started_at})

    def _runc(self, arguments: list[str], done: Callable[[str], object], stdio: list[int] | None = None) -> None:
        """Run runc; ``done("")`` or ``done(its error)``."""
        plan = self._plan
        log = f"{arguments[0]}.log"
        argv = [plan["runc"], "--root", plan["runc_root"], "--log", log, "--log-format", "json", *arguments]
        null = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(stdio or [null, null, null])]
        pid = os.posix_spawn(plan["runc"], argv, plan["runc_env"], file_actions=actions, setsigdef=_DEFAULTS)
        os.close(null)

        self._runc_pid = pid

        def ended(status: int) -> None:
            self._runc_pid = None
            done("" if status == 0 else _last_error(log) or f"{arguments[0]} ended with status {status >> 8}")

        self._children.expect(pid, ended)

    # -- the end ---------------------------------------------------------------------------------------------------

    def _ended(self, status: int) -> None:
        self._dead = True
        if self._busy:
            # It was faster than runc's start, which has to be over before the story can be told.
            self._loop.call_later(_TRY, lambda: self._ended(status))
            return
        code = os.waitstatus_to_exitcode(status)
        number = -code if code < 0 else None
        if self._output is not None:
            self._output.drain()
        self._kill_rest()
        self._exit = {
            "code": code if number is None else 128 + number,
            "signal": number,
            "oom_killed": self._oom_killed(),
            "started_at": self._started_at,
            "finished_at": time(),
        }
        self._state = "exited"
        self._write_exit()
        self._tell({"event": "exit", "exit": self._exit})
        if self._on_exit is not None:
            self._on_exit()

    def _write_exit(self) -> None:
        path = os.path.join(self._folder, "exit.json")
        with open(f"{path}.new", "w") as file:
            json.dump(self._exit, file)
        os.replace(f"{path}.new", path)

    def _kill_rest(self) -> None:
        """With a pid namespace of its own the kernel has killed the container's other processes; else they remain."""
        for key in list(self._execs):
            self.signal_exec(key, signal.SIGKILL)
        if self._plan["own_pid_namespace"]:
            return
        self._end_reaper()
        for path in self._plan["procs"][:1]:
            # Bounded: what forks faster than this ends with its group's next limit, or with the task.
            for _ in range(100):
                try:
                    with open(path) as file:
                        pids = [int(line) for line in file.read().split()]
                except OSError:
                    pids = []
                if not pids:
                    break
                for pid in pids:
                    _kill(pid, signal.SIGKILL)
        for process in proctree.descendants(os.getpid()):
            if process.pid != self._runc_pid:
                _kill(process.pid, signal.SIGKILL)

    def _end_reaper(self) -> None:
        if self._reaper is not None:
            _kill(self._reaper, signal.SIGKILL)
            self._reaper = None

    def _oom_killed(self) -> bool:
        try:
            with open(self._plan["oom"]) as file:
                return any(line.startswith("oom_kill ") and int(line.split()[1]) > 0 for line in file)
        except (OSError, KeyError):
            return False

    def delete(self, done: Callable[[], object]) -> None:
        """End what runs, remove what runc made; ``done()`` when nothing is left but this process."""
        if self._busy:
            # Runc is at work: let it finish first.
            self._loop.call_later(0.01, lambda: self.delete(done))
        elif self._state in ("created", "running"):
            self._on_exit = lambda: self._delete(done)
            self.signal(signal.SIGKILL)
        else:
            self._delete(done)

    def _delete(self, done: Callable[[], object]) -> None:
        if not self._plan or self._plan["pause"]:
            done()
        else:
            self._runc(["delete", "--force", self._plan["id"]], lambda _: done())

    # -- while it runs ---------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What a new cloud must know."""
        return {
            "state": self._state,
            "pid": self._pid,
            "namespaces": self._paths(),
            "exit": self._exit,
            "started_at": self._started_at,
        }

    def signal(self, number: int) -> None:
        """Send a signal to the first process."""
        if self._pid is None or self._state == "exited":
            raise Refused("exited", "the container is not running")
        _kill(self._pid, number)

    def exec(self, message: dict[str, Any], fds: list[int], answer: Answer) -> None:
        """Start a process: ``key`` is the cloud's name for it; the last descriptor holds the rest as JSON."""
        if self._state != "running" or self._pid is None:
            raise Refused("exited", "the container is not running")
        if self._plan["pause"]:
            raise Refused("unsupported", "a container without a program has nothing to run")
        with open(fds[-1], "rb", closefd=False) as file:
            file.seek(0)
            wanted = json.load(file)
        process = self._plan["config"]["process"]
        if wanted["user"] is None:
            user = process["user"]
            wanted |= {"uid": user["uid"], "gid": user["gid"], "groups": user.get("additionalGids", [])}
        else:
            found = self._user(f"/proc/{self._pid}/root", wanted["user"])
            wanted |= {"uid": found["uid"], "gid": found["gid"], "groups": found["groups"]}
            if self._home_is_users and not any(entry.startswith("HOME=") for entry in wanted["env"]):
                wanted["env"].append(f"HOME={found['home']}")
        if self._plan["in_user_namespace"]:
            wanted["groups"] = None
        given = {entry.partition("=")[0] for entry in wanted["env"]}
        wanted["env"] = [e for e in process["env"] if e.partition("=")[0] not in given] + wanted["env"]
        wanted["cwd"] = wanted["cwd"] or process["cwd"]
        wanted |= self._plan["exec"]
        try:
            pid, terminal = execs.start(self._pid, self._plan["procs"], wanted, fds[:-1])
        except execs.ExecFailed as error:
            raise Refused("failed", str(error)) from None
        key = int(message["key"])
        self._execs[key] = pid
        self._children.expect(pid, lambda status: self._exec_ended(key, status))
        answer({"pid": pid}, terminal)
        if terminal is not None:
            os.close(terminal)

    def signal_exec(self, key: int, number: int) -> None:
        """Send a signal to a process of ``exec``; nothing when it has ended."""
        if (pid := self._execs.get(key)) is not None:
            _kill(pid, number)

    def _exec_ended(self, key: int, status: int) -> None:
        self._execs.pop(key, None)
        code = os.waitstatus_to_exitcode(status)
        self._tell({"event": "exec-exit", "key": key, "code": code if code >= 0 else 128 - code})

    def lose_cloud(self) -> None:
        """The cloud died: nobody hears its execs any more."""
        for key in list(self._execs):
            self.signal_exec(key, signal.SIGKILL)
        self._output_waiters.clear()
        if self._state == "new" and not self._busy:
            os._exit(0)  # it died before it said what to make

    # -- output ----------------------------------------------------------------------------------------------------

    def wait_for_output(self, position: list[int], answer: Answer) -> None:
        """Answer once there is more than up to ``position`` (segment and offset)."""
        self._output_waiters.append(lambda: answer({}))
        if self._spool is None or self._spool.position != tuple(position):
            self._has_output()

    def resume_output(self, position: list[int]) -> None:
        """The reader is done with what is before ``position``."""
        if self._output is not None:
            self._output.resume((position[0], position[1]))

    def _has_output(self) -> None:
        waiters, self._output_waiters = self._output_waiters, []
        for waiter in waiters:
            waiter()


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _last_error(path: str) -> str:
    """The last error of a log of runc."""
    text = ""
    try:
        with open(path, "rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry.get("level") in ("error", "fatal"):
                    text = str(entry.get("msg", ""))
    except OSError:
        pass
    return text[:_MESSAGE_LIMIT]
