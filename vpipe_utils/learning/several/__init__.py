"""One run on several GPUs, which share every batch; on a CPU several processes do the same, so that tests can."""
