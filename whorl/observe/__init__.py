"""Observe: take in what production left behind, join late outcomes, admit only what may be learned from."""

from whorl.observe.drain import Arrivals, drain, payload
from whorl.observe.join import fitting, latest_outcomes, latest_truths

__all__ = ["Arrivals", "drain", "fitting", "latest_outcomes", "latest_truths", "payload"]
