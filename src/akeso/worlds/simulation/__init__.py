"""How a world lives: rows, conditions, load, resources, requests."""
