"""Values and decisions of synchronisation; depends on the standard library only."""
