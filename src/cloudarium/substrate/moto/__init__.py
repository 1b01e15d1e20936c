"""The rest of AWS: services the project does not own, answered by moto in a child process.

    cloud process                                  child process (started on first use)
    bridge  ── frames over a socket pair ──►  child ─► worker ─► engine ─► moto's backends
                                                          └─► journal (every call that changes something)

moto keeps everything in memory. The child therefore writes each call that changes something to a journal before it
answers, together with all that made its outcome what it was: the time, the seed of every random choice, and each
private key that was generated. On start it makes those calls again (``replayable``), and is as it was.
"""
