"""Runs Akeso beside the street and scores what it did."""
