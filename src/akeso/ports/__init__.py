"""What Akeso needs from the world, one Protocol a file; adapters and plugins implement them."""
