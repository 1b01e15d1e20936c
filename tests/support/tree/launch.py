"""``cloudarium``, with another cloud inside: ``launch.py ENTRY MODES cloudarium-arguments…``; MODES is a,b or ``-``."""

from __future__ import annotations

import sys

import cloudarium.cli.up as up
from cloudarium.cli.main import main

entry, modes, *arguments = sys.argv[1:]
real = up.up
up.up = lambda options: real(options, entry, None if modes == "-" else modes.split(","))  # type: ignore[assignment]
sys.exit(main(arguments))
