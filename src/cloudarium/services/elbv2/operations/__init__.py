"""The service's operations, one module per resource family."""
