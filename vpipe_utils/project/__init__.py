"""What all other folders use: parameter files, paths, seeds, progress, worker processes. Nothing about videos."""
