"""Containers run by an engine with Docker's API on a unix socket of this machine: Docker, Podman.

Nothing of the engine is looked at before the first container. The engine keeps the containers, their output and their
exits; they are found again by labels. What it does not have is brought to it:

- images: the layers of our store, as one imported file system per image (``images``);
- networks: an interface of the fabric is a network namespace of the cloud's, and an engine joins a container only to
  another container's. So for each namespace a holder runs in the engine, whose only process has stepped into it
  (``networks``);
- files (/etc/hosts …) and volumes are folders of this machine, which the engine must see: it must run here.

Not enforced: limits of a group of containers. Output that nobody has fetched waits in the engine's files; a container
is never made to wait for its reader.
"""
