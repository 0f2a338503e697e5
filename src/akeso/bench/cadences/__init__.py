"""A small shop told at a chosen cadence, and what Akeso makes of it."""
