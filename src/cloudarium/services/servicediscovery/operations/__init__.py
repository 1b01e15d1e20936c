"""The operations of Cloud Map's API."""
