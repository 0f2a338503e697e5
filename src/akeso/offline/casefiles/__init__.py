"""Cases from what was kept: telemetry databases, exported lines, tables and journals, for a look afterwards."""
