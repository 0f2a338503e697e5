"""Akeso's own pipeline is under test: real faults of it, and what it did about them."""
