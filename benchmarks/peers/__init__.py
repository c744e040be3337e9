"""Other engines, each asked one segment after the other, in the best words that we know for it."""
