"""The ground everything stands on: parameter files, paths, seeds, progress, worker processes. Nothing of videos."""
