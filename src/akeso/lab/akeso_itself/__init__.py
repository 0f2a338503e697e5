"""Akeso's own pipeline is the patient: real faults of it, and what it did about them."""
