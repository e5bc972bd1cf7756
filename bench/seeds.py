"""What the demo's wheel gains over random labels, seed by seed: the table in the README.

python bench/seeds.py --seeds 5
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from whorl.replay.compare import Job, compare, labels_to_reach

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    print(
        "| seed | wheel: balanced (overall) | random: balanced (overall) | wheel got there with | random needed | ratio |"
    )
    print("|---|---|---|---|---|---|")
    gains, ratios, never = [], [], 0
    started = time.time()
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        story = compare(Job(ROOT / "examples" / "digits", wrong=0.01, seed=seed))
        wheel, control = story.arms
        ours, theirs = wheel.rows[-1], control.rows[-1]
        reached = labels_to_reach(wheel.curve, ours.balanced)
        needed = labels_to_reach(control.curve, ours.balanced)
        most = control.curve[-1][0]
        never += needed is None
        gains.append(ours.balanced - theirs.balanced)
        ratios.append((needed or most) / reached)
        said = str(needed) if needed else f"not in {most}"
        ratio = f"{ratios[-1]:.1f}" if needed else f"over {ratios[-1]:.1f}"
        print(
            f"| {seed} | {ours.balanced:.1%} ({ours.overall:.1%}) | {theirs.balanced:.1%} ({theirs.overall:.1%}) "
            f"| {reached} | {said} | {ratio} |",
            flush=True,
        )
    rng = np.random.default_rng(0)
    low, high = np.quantile(rng.choice(gains, (5000, len(gains))).mean(axis=1), [0.025, 0.975])
    print(
        f"\nBalanced accuracy at 260 labels: {100 * np.mean(gains):+.1f} points over random "
        f"({100 * low:+.1f} to {100 * high:+.1f}, bootstrap over seeds). "
        f"Labels random needed: median {np.median(ratios):.1f} times as many; with {never} of {len(gains)} seeds it never "
        "got there."
    )
    print(f"{time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
