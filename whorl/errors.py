"""Every way Whorl says no: what is, what is needed, what to do.

::

    WhorlError
    ├── DeclarationError      wheel.py declares something that cannot work
    ├── BadInput              an input has the wrong shape, type or range
    ├── BadOutcome            an outcome or a label does not fit the task
    ├── NotFound              no record, wheel or file of that name
    ├── NotReady              no champion yet: nothing can be decided
    ├── Busy                  another turn holds this wheel
    ├── StoreError            the state on disk cannot be read or written
    │   ├── WrongFormat       it was written by another version of Whorl
    │   └── Tampered          bytes are not what their name promises
    └── PartError             a part of the wheel (a recipe, a strategy ...) broke its promise

An error that also means a standard one is both, so ``except ValueError`` works as people expect.
"""


class WhorlError(Exception):
    """The root: catch this one to catch everything that Whorl raises on purpose."""


class DeclarationError(WhorlError, ValueError):
    """`field` of a declaration is `found`, must be `needed`; `mend` says how to get there.

    >>> raise DeclarationError("labels.per_turn", found=-3, needed="a whole number, at least 1")
    Traceback (most recent call last):
    whorl.errors.DeclarationError: labels.per_turn is -3; it must be a whole number, at least 1.
    """

    def __init__(self, field: str, *, found: object, needed: str, mend: str = "") -> None:
        self.field, self.found, self.needed, self.mend = field, found, needed, mend
        shown = found if isinstance(found, str) and " " in found else repr(found)
        super().__init__(f"{field} is {shown}; it must be {needed}.{' ' + mend if mend else ''}")


class BadInput(WhorlError, ValueError):
    """An input does not fit what the wheel declares; it was not captured and is never learned from."""


class BadOutcome(WhorlError, ValueError):
    """An outcome or a label does not fit the task; it was not captured and is never learned from."""


class NotFound(WhorlError, LookupError):
    """Nothing of that name exists here."""


class NotReady(WhorlError):
    """There is no champion yet, so nothing can be decided."""


class Busy(WhorlError):
    """Another turn is running on this wheel; the message says whose it is and since when."""


class StoreError(WhorlError, OSError):
    """The state of the wheel cannot be read or written."""


class WrongFormat(StoreError):
    """The state was written in a format that this version does not know."""


class Tampered(StoreError):
    """Bytes do not have the digest that names them, or hold more than plain numbers and known types."""


class PartError(WhorlError):
    """A part that the wheel was given (recipe, strategy, annotator ...) did not keep its promise."""
