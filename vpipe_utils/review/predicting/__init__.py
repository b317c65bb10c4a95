"""From new clips and trained networks to the folder of a review: what is in each clip, and whether to look at it."""
