"""The only place that knows Radicale: its plugins, and the server's application over it."""
