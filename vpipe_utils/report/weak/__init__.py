"""Notebook 09: runs of weak supervision beside a frame run and a super-image."""
