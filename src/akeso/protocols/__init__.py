"""What several sources share: JSON bodies, instants, severities and the two encodings of OTLP."""
