"""What the street consists of, and how it is brought up and taken down."""
