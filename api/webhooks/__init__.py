"""Telling webhooks: messages from the outbox of a workspace to the addresses that asked for them."""
