"""Causal inference in NumPy: graphs from samples, effects with intervals, attribution, onsets and tails."""
