"""Weak supervision (paper, Table V): frames as bags. Self-supervised features, and heads that read a bag of them."""
