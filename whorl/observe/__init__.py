"""Observe: take in what production left behind, join late outcomes, admit only what may be learned from."""

from whorl.observe.drain import Arrivals, drain, payload
from whorl.observe.join import latest_outcomes, latest_truths

__all__ = ["Arrivals", "drain", "latest_outcomes", "latest_truths", "payload"]
