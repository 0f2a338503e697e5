"""The ways in which Akeso is told of the street."""
