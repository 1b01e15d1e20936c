"""The commands. Each module imports what is heavy only inside its command: ``up`` must be quick, and small after it."""
