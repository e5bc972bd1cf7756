"""Where independent work runs: in the threads of this process."""

from whorl.engines.local import LocalEngine

__all__ = ["LocalEngine"]
