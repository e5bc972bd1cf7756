"""Decide: judge challengers on paired evidence; promote, hold or reject; confirm a promotion or roll it back."""

from whorl.decide.evidence import sign_test, wealth, wilson
from whorl.decide.gate import ProofOrNoHarm
from whorl.decide.judge import NOTHING, Contender, Judgement, Standing, judge, roll_back
from whorl.decide.standing import champion, predecessors, promote, reasons_asked, report

__all__ = [
    "NOTHING",
    "Contender",
    "Judgement",
    "ProofOrNoHarm",
    "Standing",
    "champion",
    "judge",
    "predecessors",
    "promote",
    "reasons_asked",
    "report",
    "roll_back",
    "sign_test",
    "wealth",
    "wilson",
]
