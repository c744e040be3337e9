"""Single writes: what an application says of one contact, list or event, and what becomes of it."""
