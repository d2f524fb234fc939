"""The PostgreSQL that Tact brings along: it runs while a process uses it and needs no administration."""

from config.embedded.server import NotStarted, ensure

__all__ = ["NotStarted", "ensure"]
