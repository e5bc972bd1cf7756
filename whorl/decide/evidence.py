"""How strong is the evidence? Paired differences in, one number out.

The statistics that every verdict rests on. All of them are paired (both models on the same examples) and one-sided.
"""

from __future__ import annotations

import math

import numpy as np

from whorl.protocols import Floats

BETS = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85])
"""Shares of the wealth that are bet on each difference being positive: small ones find small gains, large ones are quick."""


def wealth(differences: Floats) -> float:
    """What 1 grew to by betting, before each difference was seen, that it would be positive: an e-value.

    If the differences are not positive in the mean, given those before, the chance that this is *ever* x or more is at
    most 1/x, however often one looks and whenever one stops (Ville 1939; Ramdas et al., 2023, arXiv 2210.01948). The mean
    over eight bets of fixed size is itself such a wealth.

    Args:
        differences: (P,) in [-1, 1], in the order in which they became known.

    >>> round(wealth(np.array([1.0, 1.0, 0.0, -1.0, 1.0, 1.0])), 2), round(wealth(np.zeros(0)), 2)
    (1.91, 1.0)
    """
    logs = np.log1p(BETS[:, None] * np.asarray(differences, dtype=np.float64)[None, :]).sum(axis=1)
    return float(np.exp(logs - math.log(len(BETS))).sum())


def sign_test(lost: float, won: float) -> float:
    """Chance of losing at least `lost` of `lost + won` fair coins: small when the losses are no accident.

    Parts of a loss (utilities in between) are rounded in favour of an accident.

    >>> sign_test(6, 0), sign_test(0, 0)
    (0.015625, 1.0)
    """
    least, n = math.floor(lost + 1e-9), math.floor(lost + 1e-9) + math.ceil(won - 1e-9)
    ways, found = math.comb(n, least), 0
    for losses in range(least, n + 1):  # whole numbers of any length: 2.0**n ends at n = 1023
        found += ways
        ways = ways * (n - losses) // (losses + 1)
    return float(found / 2**n)


def at_least(lost: float, held: float, usual: float) -> float:
    """Chance of losing at least `lost` of `held`, if each is lost with probability `usual` (binomial).

    Parts are rounded in favour of chance: fewer lost of more.

    >>> at_least(2, 2, 0.1), at_least(0, 5, 0.1)
    (0.01, 1.0)
    """
    least, n = math.floor(lost + 1e-9), math.ceil(held - 1e-9)
    found = math.fsum(math.comb(n, k) * usual**k * (1 - usual) ** (n - k) for k in range(least, n + 1))
    return min(1.0, round(found, 15))


def fewer_than_before(hits: float, n: int, hits_before: float, n_before: int) -> float:
    """Chance of at most `hits` of `n`, if these n and the n_before were drawn from one urn (Fisher's exact test).

    Parts of a hit (utilities in between) are rounded in favour of one urn. Cost: one product of long whole numbers for
    each hit, 0.1 s for 10,000.

    >>> round(fewer_than_before(2, 20, 36, 60), 5)
    8e-05
    """
    most = math.ceil(hits - 1e-9)
    good = most + round(hits_before)
    bad = n + n_before - good
    least = max(0, n - bad)
    ways, found = math.comb(good, least) * math.comb(bad, n - least), 0
    for k in range(least, most + 1):
        found += ways
        ways = ways * (good - k) * (n - k) // ((k + 1) * (bad - n + k + 1))
    return found / math.comb(n + n_before, n)


def wilson(mean: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval for the mean of n values in [0, 1] (Wilson 1927; 95 % by default). (0, 1) for n = 0.

    Exact in spirit for right or wrong, and too wide, never too narrow, for utilities in between.

    >>> [round(end, 2) for end in wilson(0.9, 10)]
    [0.6, 0.98]
    """
    if n == 0:
        return 0.0, 1.0
    centre = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
