"""Akeso: an autonomous incident responder."""

__version__ = "0.1.0"
