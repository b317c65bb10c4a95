"""Files, tables and locks: written whole or not at all, readable by one process at a time where that matters."""
