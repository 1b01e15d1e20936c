"""Graphs as images.

`description` understands a widget, `chart` lays it out, `canvas` has the pixels, `font` the letters, `scales` the axes.
It is all here, in a few hundred lines, so that a graph needs no image library to be installed.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
"""
