"""Recomputing only whom something may have changed for: those written of, and those whom time moved."""
