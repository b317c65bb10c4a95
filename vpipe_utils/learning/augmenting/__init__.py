"""How samples are changed: at test time, by flips, other frames and other orders of tiles."""
