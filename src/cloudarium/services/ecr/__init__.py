"""Elastic Container Registry: repositories, their images, and the registry that docker and its kin push to.

The API (``operations/``) and the OCI distribution front (``registry/``) are two ways to the same records. The front
calls the API for whatever changes a repository, so that both have the same rules, events and CloudTrail records; only
the bytes of layers go past it, straight into the content-addressed store (``cloud.images.blobs``).
"""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service("ecr", operations="cloudarium.services.ecr.operations", start="cloudarium.services.ecr.start:start")
