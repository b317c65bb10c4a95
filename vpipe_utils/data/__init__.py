"""The data set as tables: which videos there are, what is labelled, which fold each is in, which frames are taken."""
