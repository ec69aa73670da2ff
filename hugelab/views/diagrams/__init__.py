"""Pictures that are no plots, as SVG: call flow, who holds each page, memory layout. Drawn by svg.py alone."""
