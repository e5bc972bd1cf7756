"""The command `whorl`: words to calls. Nothing heavy is imported before a command needs it."""

from whorl.cli.app import app, main

__all__ = ["app", "main"]
