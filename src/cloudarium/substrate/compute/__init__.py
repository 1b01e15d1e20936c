"""Compute: containers that run. ``spec`` says what to run, ``runtime`` what can be asked, a driver does it.

``runc/`` needs nothing but the runc program and namespaces; ``docker/`` has an engine with Docker's API do it.
"""
