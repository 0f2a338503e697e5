"""The people who use the library."""
