"""Statistics of a cloud's own metrics."""
