"""Plugins: one file each, found by looking, never imported by name.

A plugin module has one public class with a `name`. Third parties add theirs through the entry point group
`akeso.plugins`; the entry point names a module and its name starts with the kind ("detectors.my_detector").
"""
