"""Use cases: decide with the domain, read and write through ports."""
