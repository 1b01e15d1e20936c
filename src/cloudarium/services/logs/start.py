"""What runs for the service: storage, the filters that see what comes in, and the controllers."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.exporting import Exports
from cloudarium.services.logs.filters.incoming import Incoming
from cloudarium.services.logs.lookups.files import LookupFiles
from cloudarium.services.logs.resources import LogGroup
from cloudarium.services.logs.storage import LogStorage
from cloudarium.services.logs.storage.temporary import TemporaryFolder

RETENTION = "logs.retention"
EXPORTS = "logs.exports"
REMOVALS = "logs.removals"
_FIRST_LOOK = 60.0
_LOOK_AGAIN = 6 * 3_600.0
"""Cloud seconds between looks for files to drop; readers see nothing expired meanwhile."""


class Running:
    """The parts of one cloud's logs."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._groups = cloud.store.table(LogGroup)
        self._temporary: TemporaryFolder | None = None
        if cloud.store.path is not None:
            root = cloud.store.path.parent
        else:
            self._temporary = TemporaryFolder()
            root = self._temporary.path
        self.storage = LogStorage(root / "logs", cloud.clock.spawn)
        self.storage.sweep({group.uid for _, group in self._groups.everywhere()})
        self.filters = Incoming(cloud, self.storage)
        self.lookups = LookupFiles(cloud, root / "logs-lookups")

    def begin(self) -> None:
        """Watch for changes and take up what there is."""
        cloud = self._cloud
        cloud.on_close(self.close)
        self._groups.watch(self._changed)
        cloud.controller(REMOVALS, self._remove, lambda: ())
        retention = cloud.controller(RETENTION, self._expire, lambda: ())
        for place, key in enumerate(self._with_retention()):
            # Looking opens a group's files: not all of them while the cloud starts.
            retention.enqueue_after(key, _FIRST_LOOK + place * 0.1)
        exports = Exports(cloud, self.storage)
        cloud.controller(EXPORTS, exports.reconcile, exports.every)
        self.filters.begin()
        self.lookups.begin()

    def _changed(self, scope: Scope, name: str, old: LogGroup | None, new: LogGroup | None) -> None:
        if new is None and old is not None:
            self._cloud.enqueue(REMOVALS, old.uid)
        elif new is not None and new.retention is not None and (old is None or old.retention != new.retention):
            self._cloud.enqueue(RETENTION, (scope, name))

    def _with_retention(self) -> Iterable[tuple[Scope, str]]:
        return [(scope, group.name) for scope, group in self._groups.everywhere() if group.retention is not None]

    async def _remove(self, uid: str) -> None:
        self.storage.remove(uid)

    async def _expire(self, key: tuple[Scope, str]) -> float | None:
        group = self._groups.get(*key)
        if group is None or group.retention is None:
            return None
        self.storage.expire(group.uid, int((self._cloud.clock.now() - group.retention * 86_400) * 1000))
        return _LOOK_AGAIN

    async def close(self) -> None:
        """Stop; the service may be started again."""
        _running.pop(self._cloud, None)
        await self.filters.close()
        self.storage.close()
        if self._temporary is not None:
            self._temporary.remove()


_running: WeakKeyDictionary[Cloud, Running] = WeakKeyDictionary()


def running(cloud: Cloud) -> Running:
    """The parts that run for a cloud whose logs have been started, as they are before any operation."""
    return _running[cloud]


async def start(cloud: Cloud) -> None:
    """Start the service."""
    parts = _running[cloud] = Running(cloud)
    parts.begin()
