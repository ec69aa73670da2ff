"""Views of a Recording: pictures and the pool plot as SVG, films, tables. They know no kernel rule and no widget."""
