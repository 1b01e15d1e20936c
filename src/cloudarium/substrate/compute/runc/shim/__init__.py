"""The process a container hangs on. Only the standard library, and little of it: there is one per container.

The shim mounts the root file system (in a mount namespace of its own, so that no mount outlives it), calls runc, owns
the container's output, waits for its end, and writes down both before it tells anyone. It is a subreaper: everything
below it stays below it, and init kills what is left should the shim be killed.
"""
