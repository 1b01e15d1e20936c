"""What containers ask about themselves at 169.254.170.2: credentials, metadata, statistics, protection.

``server`` listens within each task's network and finds who is asked about; ``documents`` and ``statistics`` are the
answers, without I/O; ``identities`` keeps the secret part of the credentials' address.
"""
