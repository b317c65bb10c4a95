"""From videos to small square pictures on disk: the tile cache that the networks are fed from."""
