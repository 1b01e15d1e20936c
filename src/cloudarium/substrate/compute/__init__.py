"""Compute: containers that run. ``spec`` says what to run, ``runtime`` what can be asked, a driver does it.

``runc/``, the driver there is, needs nothing but the runc program and namespaces.
"""
