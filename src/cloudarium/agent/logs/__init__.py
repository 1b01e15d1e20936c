"""Log files become log events: bytes, lines, events, batches; and a position that is kept once AWS has the events."""
