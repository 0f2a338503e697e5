"""Scenarios: what exists, what happens, and what must and must not come of it; a YAML file each."""
