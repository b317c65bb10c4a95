"""From tiles to a trained network and its probabilities: what notebooks 03, 04 and 05 share."""
