"""Entries into verdicts: who looks at what, each by itself."""
