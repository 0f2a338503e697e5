"""What the shop consists of, and how it is opened, changed and closed."""
