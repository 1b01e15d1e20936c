"""AWS on your own machine, running."""

__version__ = "0.1.0"
