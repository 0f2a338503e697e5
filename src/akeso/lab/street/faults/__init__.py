"""What goes wrong on the street, and what only looks like it."""
