"""OpenTelemetry's names: resources, and calls by the old and the stable semantic conventions."""
