"""Effects of the tricks of Tables IV and V, measured from the predictions of many runs."""
