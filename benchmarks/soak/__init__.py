"""A long run: phones of all kinds for an hour, everything checked, and what the server holds."""
