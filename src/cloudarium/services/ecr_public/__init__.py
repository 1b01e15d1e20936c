"""ECR Public: galleries of images that anybody may pull. It shares its registry, and its code, with ECR."""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service(
    "ecr-public",
    operations="cloudarium.services.ecr.public.operations",
    start="cloudarium.services.ecr.start:start_public",
    event_source="ecr-public.amazonaws.com",
)
