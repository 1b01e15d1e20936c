"""Log events on disk: appended as they come, sealed into compressed columns, read back in order of time.

Each log group has a folder of its own with files named by the first *sequence number* in them. Every event of a group
gets the next sequence number, so ``(timestamp, sequence number)`` is a total order and an address that never changes.

* ``<seq>.wal`` is the growing end: one *frame* per PutLogEvents (header with checksum, then times, lengths and
  messages as columns). An append is one ``write`` to the kernel, after which the call is answered: it survives the
  death of any process. A frame cut off by such a death fails its checksum and is cut away at the next start.
* A full ``.wal`` is sealed in a thread into ``<seq>.seg``: events sorted by time, in blocks of at most
  ``segment.BLOCK_BYTES``, each two zstd frames (fixed-width columns, then messages), with an index of the blocks at
  the end. It gets its name only when whole; only then is the ``.wal`` removed. Whichever of both is there, is true.

A block in memory is a ``Batch``: flat arrays in Arrow's layout (int64 columns, int32 offsets, one buffer of UTF-8), so
that DuckDB or Arrow can take it over without touching single events.

A scan looks at the index of blocks only, sorts the blocks by their first time, and loads each when its time has come:
memory is bounded by how many blocks overlap in time, not by the size of the group. Retention drops whole files.

Log streams live in ``catalog.db`` (SQLite), not in memory: a million of them cost disk only. Their first and last
times follow from the frames, so they are written behind and made good from the ``.wal`` files after a crash.

For other parts of the service (Insights): ``LogStorage.scan(group uid, start, end, streams=None)``.
"""

from __future__ import annotations

from cloudarium.services.logs.storage.batch import Batch
from cloudarium.services.logs.storage.catalog import Catalog, StreamRow
from cloudarium.services.logs.storage.store import LogStorage

__all__ = ["Batch", "Catalog", "LogStorage", "StreamRow"]
