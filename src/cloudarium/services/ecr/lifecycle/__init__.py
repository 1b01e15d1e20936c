"""Lifecycle policies: what one says (``policy``), what it does to a set of images (``evaluate``), and doing it."""
