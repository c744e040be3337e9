"""Any CSV file of contacts into a workspace: how it is written, what its columns mean, and its rows, part by part."""
