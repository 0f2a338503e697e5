"""What every service of the shop stands on: telemetry, discovery, limits, releases, drains."""
