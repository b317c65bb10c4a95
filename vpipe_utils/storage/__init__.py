"""Files, tables and locks: a file appears complete or not at all; a lock admits one process at a time."""
