"""What a segment means and how its members are computed."""
