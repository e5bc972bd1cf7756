"""Models at rest: skops archives, never pickle; equal models have equal bytes, and only known types are loaded.

skops names what it stores by memory addresses and stamps it with the time; both are rewritten, so that the same training
gives the same file and a turn that was killed can finish with identical artefacts.
"""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Collection
from typing import Any

from whorl.errors import PartError, Tampered
from whorl.protocols import Estimator

TRUSTED = frozenset(
    {
        "numpy.dtype",
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.tree._tree.Tree",
    }
)
"""Types beyond those that skops itself trusts: parts of scikit-learn that only hold numbers."""


def dump(fitted: Estimator, trusted: Collection[str] = ()) -> bytes:
    """`fitted` as bytes that `load` takes back. The same fit gives the same bytes in any process.

    Raises:
        PartError: it holds something that cannot be stored without pickle, or a type that is not trusted.
    """
    import skops.io

    try:
        raw = skops.io.dumps(fitted)
    except Exception as error:
        raise PartError(
            f"{type(fitted).__name__} cannot be stored safely: {error}. Use a recipe without it."
        ) from error
    strange = _untrusted(raw, trusted)
    nameless = [name for name in strange if "<" in name]
    if nameless:
        raise PartError(
            f"{type(fitted).__name__} holds {', '.join(nameless)}, which cannot be found again by its name. "
            "Define it at the top of a module."
        )
    if strange:
        raise PartError(
            f"{type(fitted).__name__} holds {', '.join(strange)}, which Whorl does not load by itself. "
            f"If you wrote these types and trust them, declare Wheel(trusted={tuple(strange)!r})."
        )
    return _canonical(raw)


def load(data: bytes, trusted: Collection[str] = ()) -> Estimator:
    """The estimator that `dump` stored.

    Raises:
        Tampered: the archive is broken, or names a type that is neither known nor in `trusted`.
    """
    import skops.io

    try:
        strange = _untrusted(data, trusted)
        if not strange:
            return skops.io.loads(data, trusted=sorted(TRUSTED | set(trusted)))
    except Exception as error:
        raise Tampered(
            f"This model file cannot be read as a skops archive: {error}. Roll back or train again."
        ) from error
    raise Tampered(
        f"This model file holds {', '.join(strange)}, which is not a part of any model that Whorl stores. "
        "It was not loaded. Roll back or train again."
    )


def _untrusted(data: bytes, trusted: Collection[str]) -> list[str]:
    import skops.io

    return sorted(set(skops.io.get_untrusted_types(data=data)) - TRUSTED - set(trusted))


def _canonical(raw: bytes) -> bytes:
    """The same archive with ids numbered in order of appearance, members in name order, and no time stamps."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    count = itertools.count()
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}

    def renumber(node: Any) -> Any:
        if isinstance(node, list):
            return [renumber(item) for item in node]
        if not isinstance(node, dict):
            return node
        made: dict[str, Any] = {}
        for key, value in node.items():
            if key == "__id__":
                if node.get("__loader__") == "JsonNode" or value not in numbers:
                    # Equal texts and numbers may or may not be one object in memory, which changes nothing: each
                    # gets a number of its own.
                    numbers[value] = next(count)
                made[key] = numbers[value]
            elif key == "file" and isinstance(value, str) and value in members:
                made[key] = files.setdefault(value, f"{len(files):06d}{value[value.rfind('.') :]}")
            else:
                made[key] = renumber(value)
        return made

    schema = renumber(json.loads(members.pop("schema.json")))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        named = {files.get(name, name): content for name, content in members.items()}
        named["schema.json"] = json.dumps(schema, sort_keys=True, separators=(",", ":")).encode()
        for name in sorted(named):
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), named[name])
    return out.getvalue()
