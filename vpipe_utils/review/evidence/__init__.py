"""Evidence: which frame of a clip speaks for a class, where in it, and from which second to which it is in sight."""
