"""How samples are changed: in training by heavier augmentation, at test time by flips, other frames, other orders."""
