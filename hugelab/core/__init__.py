"""Units, interval lists, and a state whose every change can be undone. Knows no Linux and imports no other room."""
