"""Logs: read/ makes entries of lines, judge/ verdicts of entries; detective holds them together."""
