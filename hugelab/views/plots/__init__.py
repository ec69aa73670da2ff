"""Figures of plotly, as the dicts that go to the browser: ``plotly.graph_objects.Figure(dict)`` is the same figure.

Colours stand in the templates alone (theme.py), so that a figure follows light and dark.
"""
