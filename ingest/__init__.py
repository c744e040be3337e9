"""What comes in: files of contacts, timeline events, lists and subscriptions."""
