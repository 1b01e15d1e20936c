"""The process tree and its foot on the host.

``cloudarium up`` is the host agent (``agent``): it stays in the host's network and opens sockets there on request.
It forks init (``init``), pid 1 of the cloud's namespaces, which forks the cloud. The cloud reaches the agent through
``client``. The agent and init import next to nothing and never use asyncio: they must be small, and forking must be
safe in them at any time.
"""
