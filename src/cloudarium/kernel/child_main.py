"""The first code of every child process of the cloud: tie it to its parent, then run what it is for.

    python -m cloudarium.kernel.child_main PARENT call MODULE:FUNCTION FD...
    python -m cloudarium.kernel.child_main PARENT exec PROGRAM ARGUMENT...

The child asks for its own death signal because the parent, which has an event loop and threads, must not run Python
between fork and exec.
"""

from __future__ import annotations

import os
import sys

from cloudarium.kernel.parentage import die_with_parent, set_name


def main(arguments: list[str]) -> None:
    """Run a child; ``arguments`` as in the module's docstring."""
    parent, how, target, *rest = arguments
    die_with_parent(int(parent))
    if how == "exec":
        os.execvp(target, [target, *rest])
    import importlib

    module, _, function = target.partition(":")
    set_name(f"cloudarium-{module.rpartition('.')[2]}")
    getattr(importlib.import_module(module), function)(*map(int, rest))


if __name__ == "__main__":
    main(sys.argv[1:])
