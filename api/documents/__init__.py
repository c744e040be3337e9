"""Answers as JSON values, the same on the command line and over HTTP."""
