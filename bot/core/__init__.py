"""Values and decisions; no I/O, clock, environment or log."""
