"""The wheel over HTTP: decisions, outcomes, labels, metrics and the dashboard, as an ASGI application."""

from whorl.server.app import create_app
from whorl.server.serve import serve

__all__ = ["create_app", "serve"]
