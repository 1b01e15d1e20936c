"""Field index policies: which fields are indexed in which groups, and since when.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogs-Field-Indexing.html. An event is indexed by the
policy that was in effect when it came in, and for 30 days from then on. ``records`` has the policies and the *spans* of
time in which each was in effect; ``spans`` says from those what is indexed in a group. There is no index on disk:
``filterIndex`` leaves out what AWS would not find by one, and reads what is left.
"""
