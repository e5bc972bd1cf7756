"""Serve a wheel on this machine, and on no other."""

from __future__ import annotations

import ipaddress
import socket

from whorl.errors import WhorlError
from whorl.flywheel import Flywheel
from whorl.server.app import create_app

HOST, PORT = "127.0.0.1", 8000

PATIENCE_SECONDS = 10
"""How long requests in flight may take to finish when the server is told to stop."""


def serve(flywheel: Flywheel, host: str = HOST, port: int = PORT) -> None:
    """Answer requests until SIGINT or SIGTERM; those in flight are finished.

    Args:
        host: `localhost` or a loopback address.

    Raises:
        WhorlError: `host` can be reached from other machines, or the port is taken.
    """
    if not is_loopback(host):
        raise WhorlError(
            f"The host is {host!r}, which other machines can reach, and this version of Whorl cannot tell who is asking: "
            "tokens come with a later version. Serve on 127.0.0.1, and put a proxy that checks who is asking before it."
        )
    import uvicorn

    listener = _listener(host, port)
    app = create_app(flywheel, hosts={"localhost", "127.0.0.1", "::1", host})
    config = uvicorn.Config(
        app,
        access_log=False,  # 40 microseconds a line; /metrics counts the requests, the journal has every decision
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=PATIENCE_SECONDS,
    )
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`. Other names are not looked up: tomorrow they may point elsewhere.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "", "example.org")]
    [True, True, True, False, False, False]
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listener(host: str, port: int) -> socket.socket:
    """Bound before the server starts: uvicorn would end the process where the port is taken."""
    address = "127.0.0.1" if host == "localhost" else host
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise WhorlError(f"Port {port} of {host} cannot be used: {error}. Choose another one.") from error
    return listener
