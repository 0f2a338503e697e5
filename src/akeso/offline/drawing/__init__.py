"""Pictures of a diagnosis as SVG text, without any library."""
