"""Where a task goes: pure decisions over container instances and what their tasks take.

``Candidate`` is an instance as placement sees it; ``place`` filters by constraints and resources and then ranks by the
strategies in their order. ``query`` is the cluster query language. ``candidates`` (elsewhere) reads the store.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement.html
"""

from __future__ import annotations

from cloudarium.services.ecs.placement.candidates import Candidate, Demand
from cloudarium.services.ecs.placement.placing import Placed, place
from cloudarium.services.ecs.placement.query import Expression, QueryError
from cloudarium.services.ecs.placement.query import compiled as expression

__all__ = ["Candidate", "Demand", "Expression", "Placed", "QueryError", "expression", "place"]
