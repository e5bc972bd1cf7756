"""What each kind of part promises, as plain functions: run them on a part of your own before you hand it to a wheel."""

from whorl.checks.annotator import ANNOTATOR_CHECKS
from whorl.checks.blobs import BLOBS_CHECKS
from whorl.checks.embedder import EMBEDDER_CHECKS
from whorl.checks.engine import ENGINE_CHECKS
from whorl.checks.gate import GATE_CHECKS
from whorl.checks.inputs import INPUTS_CHECKS
from whorl.checks.journal import JOURNAL_CHECKS
from whorl.checks.recipe import RECIPE_CHECKS
from whorl.checks.strategy import STRATEGY_CHECKS
from whorl.checks.task import PROPOSAL_CHECKS, TASK_CHECKS

__all__ = [
    "ANNOTATOR_CHECKS",
    "BLOBS_CHECKS",
    "EMBEDDER_CHECKS",
    "ENGINE_CHECKS",
    "GATE_CHECKS",
    "INPUTS_CHECKS",
    "JOURNAL_CHECKS",
    "PROPOSAL_CHECKS",
    "RECIPE_CHECKS",
    "STRATEGY_CHECKS",
    "TASK_CHECKS",
]
