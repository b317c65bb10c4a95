"""PipeSim: a synthetic twin of QV-Pipe, so that the whole report runs without the gated videos."""
