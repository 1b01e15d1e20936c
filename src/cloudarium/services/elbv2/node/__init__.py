"""The data plane: what runs in the node worker's own process.

``wire`` is what cloud and worker tell each other; ``worker`` speaks it. The rest is pure or close to it: ``matching``
finds the rule, ``balancing`` the target, ``cookies`` and ``stickiness`` remember it, ``counting`` and ``access_log``
record what happened, ``router`` puts these together for the HTTP engine.
"""
