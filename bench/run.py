"""Every benchmark, one after another, into docs/benchmarks.md. Usage: run.py [NAME …]."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHES = ("api", "alb", "alb_engine", "ecr", "compute", "ecs", "logs", "insights", "metrics", "stacks")


def main() -> int:
    """Run those named, or all there are; the exit status is 1 when one failed."""
    failed = []
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    for name in sys.argv[1:] or BENCHES:
        script = HERE / f"{name}.py"
        if not script.exists():
            print(f"no {script.name}: left out", flush=True)
            continue
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, str(script)], env=environment).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
