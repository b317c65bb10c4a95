"""The grid of `make sight`: who is ahead when labels are in sight for a tenth, a third or most of a clip."""
