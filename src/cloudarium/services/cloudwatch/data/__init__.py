"""Metric data queries: one engine for GetMetricData, alarms and graphs."""
