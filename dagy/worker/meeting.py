"""How those that wait across the branches of a Parallel meet those that they wait for.

Of each join there is one record for each attempt of the flow. Both sides only ever add to it: one
of the others says that it has ended (`Told`), the waiting side by which token it waits (`Waits`).
Each of these is one atomic update, which gives back what is known after it, so of two updates one
sees the other; whoever sees that all is there sends the token. There is no time at which it is all
there and nobody sees it.

An update that is made again changes nothing, and a token that is sent again is refused by Step
Functions, so every call may be repeated. A state that is tried again waits by another token. A call
that comes late, of an attempt that has been given up meanwhile, is refused by its time.

This is the whole protocol, with no clock and no network in it. A test goes through all orders in
which calls can be made, repeated, delayed and broken off (tests/test_meeting.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Told:
    """One of the others has ended.

    Attributes:
        by: which.
    """

    by: str


@dataclass(frozen=True, slots=True)
class Waits:
    """The waiting side waits.

    Attributes:
        token: by which task token.
        since: when the attempt of its state began that has this token; the latest counts.
    """

    token: str
    since: int


Update = Told | Waits


@dataclass(frozen=True, slots=True)
class Meeting:
    """What is known of a join.

    Attributes:
        told: those that have ended.
        waits: who waits for them; None if nobody does yet.
    """

    told: frozenset[str] = frozenset()
    waits: Waits | None = None


def updated(meeting: Meeting, update: Update) -> Meeting | None:
    """Return what is known after an update; None if it comes too late to be of any use."""
    match update:
        case Told(by=by):
            return replace(meeting, told=meeting.told | {by})
        case Waits(since=since):
            if meeting.waits is not None and meeting.waits.since > since:
                return None
            return replace(meeting, waits=update)


def due(meeting: Meeting, others: int) -> str | None:
    """Return the token that is to be sent; None as long as one side is missing.

    Args:
        meeting: what is known.
        others: for how many the waiting side waits.
    """
    if meeting.waits is None or len(meeting.told) < others:
        return None
    return meeting.waits.token


class Place(Protocol):
    """Where they meet."""

    def update(self, key: str, update: Update) -> Meeting | None:
        """Make an update of the record of a key, all of it or nothing; return `updated`."""
        ...

    def send(self, token: str) -> None:
        """Let the state that waits by a token go on; nothing if none does any more."""
        ...


def meet(place: Place, key: str, update: Update, others: int) -> None:
    """Do one side's part.

    Args:
        place: where they meet.
        key: of the join, in this attempt of the flow.
        update: what there is to say.
        others: for how many the waiting side waits.
    """
    meeting = place.update(key, update)
    token = None if meeting is None else due(meeting, others)
    if token is not None:
        place.send(token)
