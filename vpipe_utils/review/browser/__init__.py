"""Clips of a notebook, one at a time, where a person runs it: labels, probabilities, nine frames, the clip itself."""
