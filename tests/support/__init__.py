"""What the tests stand on: a running cloud, programs behind it, clients in front of it."""
