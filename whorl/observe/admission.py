"""Who may be learned from: rights and origin, default closed. Unknown rights deny; only the observed is real."""

from __future__ import annotations

from collections.abc import Mapping

from whorl.records import Example, Terms


def refusal(example: Example, terms: Mapping[str, Terms], at: int) -> str:
    """Why `example` may not be trained on at time `at`; empty when it may.

    >>> from whorl.records import own_data
    >>> example = Example(id="1", event_time=0, known_time=0, content="", rights="found on the web")
    >>> refusal(example, {"own": own_data()}, at=0)
    "its rights 'found on the web' are unknown"
    """
    granted = terms.get(example.rights)
    if granted is None:
        return f"its rights {example.rights!r} are unknown"
    if not granted.may_train:
        return f"the terms {granted.name!r} do not allow training"
    if granted.retain_until is not None and at > granted.retain_until:
        return f"the terms {granted.name!r} do not allow keeping it any longer"
    if example.origin != "observed":
        return f"its origin is {example.origin!r}, not observed"
    return ""
