"""Whether a validation is flattered by what its network has seen: pieces of one recording in several folds."""
