"""Lambda's resource types."""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.lambda_ import around, function

KINDS = {kind.type: kind for kind in (function.Function(), *around.KINDS)}
