"""Containers through the runc program, without any daemon.

``driver`` is the runtime, in the cloud process. Each container hangs on a ``shim``: a small process that init forks,
which outlives the cloud. Between them a socket in the container's folder.
"""
