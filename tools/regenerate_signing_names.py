"""Write the table that finds services by what a request shows: run it when botocore is upgraded.

Run as ``.venv/bin/python tools/regenerate_signing_names.py``.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cloudarium.gateway.wire import index, models


def main() -> None:
    """Read every model once and write one row per service."""
    names = [name for name in sorted(models.service_names()) if models.model_file(name)]
    rows = [(name, msgspec.json.encode(index.row_of(models.load(name))).decode()) for name in names]
    lines = ",\n".join(f'"{name}":{row}' for name, row in rows)
    Path(index.__file__).with_name("signing_names.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
