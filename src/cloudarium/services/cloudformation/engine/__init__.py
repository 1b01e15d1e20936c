"""What brings an operation on a stack to its end."""
