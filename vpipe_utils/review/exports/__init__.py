"""Proposals of a review for other programs: a table, Label Studio, and an inspection record after EN 13508-2."""
