"""PipeSim: a synthetic twin of QV-Pipe, so that the whole report runs without the gated videos."""

from vpipe_utils.pipesim.dataset import generate

__all__ = ["generate"]
