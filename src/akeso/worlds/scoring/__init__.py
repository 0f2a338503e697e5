"""How a run beside a world went, against what was really so."""
