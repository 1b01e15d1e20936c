"""Lookup tables: CSV that queries of Logs Insights add to events by the command ``lookup``.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLookupTable.html. ``tables`` has the
record, ``csvs`` reads CSV, ``files`` keeps the bodies: each in a file of its own beside the logs, which is whole before
a record names it and goes when no record does any more. ``making`` is what creation and update have in common.
"""
