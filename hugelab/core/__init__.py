"""The ground floor: units, interval lists, and a state whose every change can be undone.

Knows nothing of Linux. Imports the standard library alone; every room above may import it.
"""
