"""Organize: place examples on the coverage map, say how much news they are, drop copies with the reason kept."""

from whorl.organize.coverage import CoverageMap, nearest
from whorl.organize.duplicates import exact_copies, near_copies
from whorl.organize.sort import Sorted, sort
from whorl.organize.vectors import StandardPca, last_layer

__all__ = ["CoverageMap", "Sorted", "StandardPca", "exact_copies", "last_layer", "near_copies", "nearest", "sort"]
