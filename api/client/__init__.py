"""A client of a populace server."""

from api.client.client import Client, ServerError

__all__ = ["Client", "ServerError"]
