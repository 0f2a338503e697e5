"""What actions do in a world."""
