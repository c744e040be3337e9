"""Sending the mails that lists ask for: confirmations, welcomes and goodbyes, by SMTP."""
