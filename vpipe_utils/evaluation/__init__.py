"""From probabilities to scores: the official metric, intervals, ensembles."""
