"""Who may not ask: web pages of others, which a browser on this machine would let in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit


def stranger(method: str, headers: Mapping[bytes, bytes], hosts: Collection[str]) -> str:
    """Why the request is refused, "" if it is not. Programs that are not browsers send nothing that is refused here.

    Loopback keeps other machines out, but not other people's pages in a browser on this one: a form or script there can
    post labels without reading the answer (told by Sec-Fetch-Site or Origin), and read answers too once its own name
    points here (told by Host).

    Ref: Valsorda (2025), Cross-site request forgery; the rule of CrossOriginProtection in Go 1.25.

    >>> stranger("POST", {b"host": b"127.0.0.1:8000", b"origin": b"https://elsewhere.example"}, ())
    'Pages of other sites may not write here.'
    """
    host = headers.get(b"host", b"").decode("latin-1")
    if hosts and _name(host) not in hosts:
        return f"This server answers to {', '.join(sorted(hosts))}, not to {host[:80]!r}."
    if method in ("GET", "HEAD", "OPTIONS"):
        return ""
    site = headers.get(b"sec-fetch-site")
    origin = headers.get(b"origin")
    own = site in (b"same-origin", b"none")
    if site is None:  # a program, or an old browser
        own = origin is None or _netloc(origin.decode("latin-1")) == host
    return "" if own else "Pages of other sites may not write here."


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _name(host: str) -> str:
    """
    >>> _name("localhost:8000"), _name("[::1]:8000"), _name("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
