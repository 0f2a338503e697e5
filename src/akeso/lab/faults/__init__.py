"""Real faults in running processes, each with its truth."""
