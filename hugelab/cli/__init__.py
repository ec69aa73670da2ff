"""The command line: one module a command; ``hugelab.__main__`` is the way in."""
