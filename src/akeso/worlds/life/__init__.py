"""What happens in ordinary life and is no fault."""
