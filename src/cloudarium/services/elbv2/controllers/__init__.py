"""What makes load balancers true: nodes, listeners, health checks, draining, metrics, logs.

``plane`` holds the conversation with the node worker; the others are woken by changes and timers and use it.
"""
