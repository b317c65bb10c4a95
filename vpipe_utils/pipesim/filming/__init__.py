"""The quick-view camera: the path it takes, and the frames it gives."""
