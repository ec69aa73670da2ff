"""Logs into entries: one module a format."""
