"""Anomaly detection: what is normal for a metric, learned from its past.

`model` is the arithmetic, `detectors` what is stored, `training` learns by the clock, `bands` answers
ANOMALY_DETECTION_BAND.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html
"""
