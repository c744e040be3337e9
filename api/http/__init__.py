"""The server: workspaces over HTTP."""
