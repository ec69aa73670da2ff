"""The machine code and the C library: system calls that Python lacks, and accesses that survive a SIGBUS.

Runs inside a scenario's processes, so it imports little: the standard library alone.
"""
