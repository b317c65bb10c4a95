"""How far probabilities can be trusted: calibration, a review list with a guarantee, a check for drift. No networks."""
