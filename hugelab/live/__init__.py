"""The running kernel: scenarios on it with real processes, and its own view of its huge pages. Linux only."""
