"""Weights of networks: those that others published, those that a run keeps."""
