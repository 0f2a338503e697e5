"""How a Prometheus server scrapes, keeps and answers."""
