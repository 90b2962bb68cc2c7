"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What a check has found.

    Attributes:
        name: of what was looked at.
        level: how grave it is: what works, what will be in the way of some, what does not work.
        found: in a line.
        advice: what to do about it; empty where there is nothing to do.
    """

    name: str
    level: Level
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Finding:
    """Return the finding that all is well."""
    return Finding(name, Level.OK, found)


def warn(name: str, found: str, advice: str) -> Finding:
    """Return the finding of something that will be in the way of some."""
    return Finding(name, Level.WARN, found, advice)


def fail(name: str, found: str, advice: str) -> Finding:
    """Return the finding of something that does not work."""
    return Finding(name, Level.FAIL, found, advice)
