"""Container Insights: every minute, what the tasks of a cluster used, as log events and as metrics.

The events are the truth, as on AWS: each says in ``CloudWatchMetrics`` which of its members are metrics and by which
dimensions, and the metrics are extracted from that. ``readings`` turns counters of containers into numbers, ``events``
and ``counts`` write them down, ``directives`` are the lists of metrics, ``extraction`` adds up points, ``publishing``
delivers both. All of it happens in the minute's tick of the AWS/ECS metrics, from the same readings.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
"""
