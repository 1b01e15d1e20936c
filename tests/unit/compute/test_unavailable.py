"""Where there is no init to fork shims, containers are refused with the reason, and nothing is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudarium.kernel.clock import Clock
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runc.driver import RuncRuntime
from cloudarium.substrate.compute.spec import ContainerSpec


async def test_refused_with_the_reason(tmp_path: Path) -> None:
    runtime = RuncRuntime(tmp_path / "containers", Clock(), -1, "unit", reason="namespaces are refused here")
    assert not runtime.capabilities.available
    with pytest.raises(ComputeError, match="namespaces are refused here") as raised:
        await runtime.create(ContainerSpec(id="a", merged="/", argv=["true"]))
    assert raised.value.kind == "unavailable"
    assert await runtime.recover() == []
    assert runtime.state("a") == "unknown" and not (tmp_path / "containers").exists()
    await runtime.delete("a")
    await runtime.close()
