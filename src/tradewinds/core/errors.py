"""What can go wrong, sorted by what the caller does next.

    TradewindsError
    ├── Transient        try again, after `retry_after_s` when the other side named a wait
    │   └── Late         expected data has not arrived yet; its lateness limit has not passed
    ├── Rejected         asked wrongly: repeating it unchanged cannot succeed
    ├── DataFault        what arrived is late, missing, conflicting or cannot be read
    │   ├── Unreadable   the bytes are not what they claim to be
    │   └── Missing      the other side says that there is nothing
    ├── OutcomeUnknown   perhaps done, perhaps not: ask before repeating
    └── Invariant        our bug: stop

A message has three parts: what was being done, the value, what was expected.
"""

from __future__ import annotations


class TradewindsError(Exception):
    """Any error that Tradewinds raises on purpose. `exit_code` is what a command ends with."""

    exit_code = 70


class Transient(TradewindsError):
    """Try again. `retry_after_s` is the wait that the other side asked for, None where it named none."""

    exit_code = 75

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Late(Transient):
    """Expected data has not arrived, and its lateness limit has not passed yet."""


class Rejected(TradewindsError):
    """Asked wrongly; the same question will be refused again."""

    exit_code = 2


class DataFault(TradewindsError):
    """Data is late beyond its limit, missing, conflicting or unreadable."""

    exit_code = 65


class Unreadable(DataFault):
    """Bytes that are not what they claim to be: corrupt, truncated, an error page in a 200 answer."""


class Missing(DataFault):
    """The other side answered that it has no such data (a 404, an empty listing)."""


class OutcomeUnknown(TradewindsError):
    """The request may or may not have taken effect. Ask before repeating it."""

    exit_code = 75


class Invariant(TradewindsError):
    """A bug of ours."""

    exit_code = 70


NOTHING_TO_DO = 99
ANSWER_IS_NO = 1
