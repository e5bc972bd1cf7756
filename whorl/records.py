"""The nouns: everything that happens is one of these frozen records, and records are only appended.

Every record has an `id` given by its producer (so that sending it twice is harmless), `event_time` (when it was true)
and `known_time` (when it became known), both in microseconds since 1970-01-01 UTC. A correction is a new record.
Fields hold plain values only: str, int, float, bool, bytes, None, tuples of them, and JSON where the type says `Json`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar

Json = Any
"""Whatever `json.dumps` takes: None, bool, int, float, str, list, dict with str keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every record has. Nobody builds a bare one."""

    id: str
    event_time: int
    known_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example(Record):
    """Something a model was, or could be, asked about. Small payloads inline, large ones as the hash of a blob."""

    content: str
    """SHA-256 of the packed input, hexadecimal: two examples with equal content are copies."""
    payload: bytes | None = None
    blob: str | None = None
    customer: str = ""
    subject: str = ""
    source: str = "production"
    origin: str = "observed"
    """`observed`, `synthetic` or `external`; unknown is not `observed`."""
    parents: tuple[str, ...] = ()
    rights: str = ""
    """Name of the `Terms` it came under; an unknown name denies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Record):
    """What a model answered to an example, captured before the caller got it."""

    example: str
    model: str
    arm: str = "champion"
    """`champion`, `challenger`, `canary` or `explore`."""
    output: Json = None
    confidence: float = 0.0
    propensity: float = 1.0
    """Probability with which the policy chose this output, in (0, 1]."""
    customer: str = ""
    features: Json = None
    latency_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Record):
    """What the world answered to a decision: late, repeated, corrected and out of order are all normal."""

    decision: str
    kind: str = "truth"
    value: Json = None
    supersedes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequest(Record):
    """A question put to people: why this example, and with which probability it was chosen."""

    example: str
    reason: str
    """`audit` for the uniform draw, otherwise the name of the rule that chose it."""
    probability: float
    """Probability, in (0, 1], that this rule chose this example in this turn. Only `audit` samples the traffic."""
    price: float
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Record):
    """An answer about an example. The latest known one counts; a correction is another label."""

    example: str
    value: Json
    annotator: str
    kind: str = "human"
    """`human`, `outcome`, `approved` (a pre-label that a person approved) or `rule`."""
    request: str | None = None
    seconds: float = 0.0
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding(Record):
    """Where an example lies, according to one version of one embedder."""

    example: str
    embedder: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate(Record):
    """What became of an example at one stage, why, and what that was worth and cost."""

    example: str
    turn: int
    stage: str
    kept: bool
    reason: str
    bits: float = 0.0
    bytes: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(Record):
    """A frozen training set. Its version is the hash of its content; the rows themselves are a blob."""

    version: str
    blob: str
    size: int
    turn: int
    built: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Record):
    """A trained artefact: what it was made of, by which recipe, in which environment."""

    version: str
    recipe: str
    recipe_hash: str
    dataset: str
    artefact: str
    """SHA-256 of the artefact, which is a blob."""
    bytes: int
    turn: int
    parameters: Json = None
    environment: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Record):
    """One utility per example for one model: every judgement is made from such rows, never from a mean.

    The tuples are parallel, one entry per example.
    """

    model: str
    recipe: str
    """Hash of the recipe."""
    role: str
    """`champion`, `shadow` (it served before) or `challenger`, at the time."""
    basis: str
    """`prequential` (predicted before it was learned from), `out_of_fold`, or `learned` (it was trained on)."""
    turn: int
    examples: tuple[str, ...]
    utilities: tuple[float, ...]
    groups: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Record):
    """What was decided about a challenger, in one sentence with numbers."""

    challenger: str
    champion: str
    claim: str
    """`first`, `refresh` (same recipe, more data), `change` (another recipe) or `rollback`."""
    decision: str
    """`promote`, `hold` or `reject`."""
    sentence: str
    turn: int
    evidence: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion(Record):
    """From now on this model serves this share of the traffic. The champion is the last one: a rollback is one more."""

    model: str
    arm: str = "champion"
    share: float = 1.0
    by: str = "gate"
    reason: str = ""
    """`first`, `refresh`, `change` or `rollback`."""
    turn: int = 0
    note: str = ""
    """What the person who decided had to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(Record):
    """What may be done with examples that name these terms. What is not granted is denied."""

    name: str
    licence: str = ""
    """SPDX id, or `LicenseRef-...`."""
    may_train: bool = False
    may_evaluate: bool = False
    purposes: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    consent: str = ""
    retain_until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure(Record):
    """Somebody's data was erased: what was asked, what was rewritten, what it touched."""

    subject: str
    rewritten: Json = None
    datasets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Record):
    """A turn begins with one of these (`opened`: what it will look at) and ends with one (`closed`: its account)."""

    number: int
    phase: str
    watermark: int
    """The journal's sequence number up to which this turn looks; what comes later belongs to the next turn."""
    seed: int
    wheel: str
    """Hash of the declaration."""
    account: Json = None
    plan: Json = None


def own_data(name: str = "own", licence: str = "LicenseRef-own") -> Terms:
    """Terms for data that is yours to train on and to judge with.

    >>> own_data().may_train
    True
    """
    content = canonical_json([name, licence, True, True])
    return Terms(
        id=derived_id(0, "terms", content),
        event_time=0,
        known_time=0,
        name=name,
        licence=licence,
        may_train=True,
        may_evaluate=True,
    )


KINDS: tuple[type[Record], ...] = (
    Example, Decision, Outcome, LabelRequest, Label, Embedding, Fate, Dataset, Model, Report, Verdict, Promotion,
    Terms, Erasure, Turn,
)  # fmt: skip
"""Every kind of record. Stores, checks and docs follow from this tuple."""

KIND_NAMES: Mapping[str, type[Record]] = {kind.__name__: kind for kind in KINDS}


def new_id(at: int) -> str:
    """A fresh id (UUID version 7): ordered by time, unique without asking anybody.

    Args:
        at: microseconds since 1970-01-01 UTC; clipped to what 48 bits of milliseconds can hold.

    >>> new_id(1_700_000_000_000_000)[:13]
    '018bcfe5-6800'
    """
    return _uuid(at, secrets.token_bytes(10), version=7)


def derived_id(at: int, *parts: object) -> str:
    """The id that these parts always get: what a turn makes has it, so that making it twice is making it once.

    >>> derived_id(0, "turn", 3) == derived_id(0, "turn", 3) != derived_id(0, "turn", 4)
    True
    """
    return _uuid(at, hashlib.sha256(canonical_json(list(map(str, parts))).encode()).digest()[:10], version=8)


def _uuid(at: int, tail: bytes, version: int) -> str:
    milliseconds = min(max(at // 1000, 0), 2**48 - 1)
    raw = bytearray(milliseconds.to_bytes(6, "big") + tail)
    raw[6] = (raw[6] & 0x0F) | (version << 4)
    raw[8] = (raw[8] & 0x3F) | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def canonical_json(value: Json) -> str:
    """The one way to write `value`: sorted keys, no spaces, no NaN. Equal values have equal text, so hashes agree."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(data: bytes | str) -> str:
    """SHA-256, hexadecimal: the name of a content."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


_Fields = tuple[tuple[str, ...], frozenset[str], tuple[str, ...], tuple[str, ...]]


def _fields_of(kind: type[Record]) -> _Fields:
    """Names of all fields of `kind`, in order and as a set; of those that hold bytes; of those that hold tuples."""
    known = {field.name: str(field.type) for field in fields(kind)}
    of_bytes = tuple(name for name, annotation in known.items() if annotation.startswith("bytes"))
    of_tuples = tuple(name for name, annotation in known.items() if annotation.startswith("tuple"))
    return tuple(known), frozenset(known), of_bytes, of_tuples


# Kept for each kind: asking `dataclasses.fields` for every record was two thirds of the time of reading a journal.
_fields: Callable[[Any], _Fields] = cache(_fields_of)


def body(record: Record) -> dict[str, Json]:
    """The fields of `record` as plain JSON values, `bytes` as hexadecimal text."""
    values = {name: getattr(record, name) for name in _fields(type(record))[0]}
    for name, value in values.items():
        if isinstance(value, bytes):
            values[name] = value.hex()
    return values


R = TypeVar("R", bound=Record)


def from_body(kind: type[R], values: Mapping[str, Json]) -> R:
    """The record that `body` described. A field that is not there gets its default: old records stay readable."""
    _, known, of_bytes, of_tuples = _fields(kind)
    made = {name: value for name, value in values.items() if name in known}
    for name in of_bytes:
        if made.get(name) is not None:
            made[name] = bytes.fromhex(made[name])
    for name in of_tuples:
        if isinstance(made.get(name), list):
            made[name] = tuple(made[name])
    return kind(**made)
