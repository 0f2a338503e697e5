"""DoWhy in a process of its own."""
