"""Runs Akeso against the faults and scores what it did."""
