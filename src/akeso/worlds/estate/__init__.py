"""What exists in a world, as frozen values: services and their calls, machines, traffic; drawn at random or read."""
