"""The shop's visitors: open-loop load, and their own view of its health."""
