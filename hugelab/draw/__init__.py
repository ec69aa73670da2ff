"""Views of a Recording: pictures (SVG), the pool plot (plotly), tables. They know no kernel rule and no widget."""
