"""What each kind of part promises, as plain functions: run them on a part of your own before you hand it to a wheel."""

from whorl.checks.blobs import BLOBS_CHECKS
from whorl.checks.engine import ENGINE_CHECKS
from whorl.checks.journal import JOURNAL_CHECKS

__all__ = ["BLOBS_CHECKS", "ENGINE_CHECKS", "JOURNAL_CHECKS"]
