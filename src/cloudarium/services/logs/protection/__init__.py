"""Data protection: what is sensitive in a message, and messages with it masked."""
