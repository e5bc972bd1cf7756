"""Reinforce: account for the turn, and let what was learned steer the next collection."""

from whorl.reinforce.account import account, measure
from whorl.reinforce.plan import Plan, first_plan, plan_next, weigh

__all__ = ["Plan", "account", "first_plan", "measure", "plan_next", "weigh"]
