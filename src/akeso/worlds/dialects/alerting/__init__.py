"""Alerting rules, as communities share them, and how Alertmanager groups what fires."""
