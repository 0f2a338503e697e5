"""A small real shop of processes, real faults in it, and a scorer for whoever heals it."""
