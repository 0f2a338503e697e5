"""The whole of Akeso beside a world, on the world's time."""
