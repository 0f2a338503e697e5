"""What is scraped: one file for each library or exporter, with the names that it documents."""
