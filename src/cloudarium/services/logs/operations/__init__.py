"""The operations of CloudWatch Logs, a module per kind of thing."""
