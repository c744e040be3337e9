"""One file per family of column types: which values it takes, and what is stored for them."""
