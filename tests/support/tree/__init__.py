"""A process tree with a small cloud inside, for tests of what keeps it alive."""
