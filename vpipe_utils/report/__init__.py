"""What a reader sees: figures, tables and sentences, and the figures of the paper beside them."""
