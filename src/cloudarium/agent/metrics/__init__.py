"""Measurements of the machine and of programs that send them (StatsD, collectd), published with PutMetricData."""
