"""System calls that Python lacks, and memory accesses that survive SIGBUS. Runs inside a scenario's processes, so it
imports little."""
