"""What notebook 12 measures: the cost of models, and our ways of reading and loading beside other people's."""
