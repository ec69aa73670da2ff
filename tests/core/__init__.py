"""Units, runs, the state, and text from outside."""
