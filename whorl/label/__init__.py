"""Label: spend the budget on a random audit and on what teaches most; every request keeps its reason and probability."""

from whorl.label.audit import at_random
from whorl.label.deficit import deficit
from whorl.label.kcenter import kcenter
from whorl.label.margin import margin
from whorl.label.mix import Mixed
from whorl.label.request import annotate, open_requests, request_labels

__all__ = ["Mixed", "annotate", "at_random", "deficit", "kcenter", "margin", "open_requests", "request_labels"]
