"""What people look at: a report in one file, drawn from a story."""

from whorl.pages.report import render, write
from whorl.pages.story import Arm, FunnelStep, Mark, Step, Story, TurnRow

__all__ = ["Arm", "FunnelStep", "Mark", "Step", "Story", "TurnRow", "render", "write"]
