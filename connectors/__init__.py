"""Connectors: how to talk to regional systems and to school files. They do not know each other."""
