"""Simulated worlds: systems nobody designed for Akeso, as a seed and a short YAML, in virtual time.

`estate` says what exists, `simulation` lets it live, `faults` and `life` make things happen in it, `effects` act in it;
`world` holds them together. Nothing in here reads a clock or the environment.
"""
