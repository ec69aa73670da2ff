"""What every lab is made of: an ipywidgets widget, its controls, its timeline, its plots. A lab itself is one file of
the folder above. Labs import from here; nothing here knows one of them."""
