"""The OCI distribution API (version 1.1) in front of ECR: what docker, podman, skopeo, helm and oras speak.

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md

``routes`` reads a request's path, ``access`` who calls, ``front`` puts both together and hands on to ``content``
(manifests, tags, referrers), ``downloads`` and ``uploads``. Bodies of layers are streamed: up into the blob store's
file, down from it, never held.
"""
