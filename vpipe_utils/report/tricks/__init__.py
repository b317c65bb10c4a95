"""The tricks of Tables IV and V: what the paper prints, what it can resolve, and figures and words of our own."""
