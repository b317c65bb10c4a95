"""The page "When do super-images pay?": its prediction, written before the runs, its figures and its sentences."""
