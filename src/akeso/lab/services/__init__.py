"""The shop's services, one file each: only their own logic."""
