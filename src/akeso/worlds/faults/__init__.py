"""What can break: one file a family, each kind with its truth; found by discovery."""
