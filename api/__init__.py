"""The doors that people and programs use: the command line, and HTTP."""
