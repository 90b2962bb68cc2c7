"""The runs of a backfill: each combination of values, with a name that is always the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from dagy.backfill.values import MOST_VALUES, read_values
from dagy.errors import ParameterError


@dataclass(frozen=True)
class Slot:
    """One run that is to be.

    Attributes:
        label: for people, as `day=2026-01-01`.
        given: its parameters, by name.
        key: SHA-256, in hex, of the flow and the parameters: by it a run is found again.
    """

    label: str
    given: Mapping[str, Any]
    key: str


def slots_of(
    flow_name: str, texts: Sequence[str], given_by: Callable[[Sequence[str]], Mapping[str, Any]]
) -> list[Slot]:
    """Return the runs of a backfill, of several `--for` each combination.

    Args:
        flow_name: the flow.
        texts: of `--for`; the values of the last vary first.
        given_by: makes parameters of texts of the form `name=value`.

    Raises:
        ParameterError: a text cannot be read, a parameter comes twice, or they are too many.
    """
    read = [read_values(text) for text in texts]
    names = [name for name, _ in read]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParameterError(f"--for {twice}: it is given twice; write its values in one, with ,")
    if prod(len(values) for _, values in read) > MOST_VALUES:
        raise ParameterError(f"together these are more than {MOST_VALUES:,} runs")
    slots = []
    for values in product(*(values for _, values in read)):
        pairs = [f"{name}={value}" for name, value in zip(names, values, strict=True)]
        given = given_by(pairs)
        canonical = json.dumps([flow_name, given], sort_keys=True, separators=(",", ":"))
        key = hashlib.sha256(canonical.encode()).hexdigest()
        slots.append(Slot(", ".join(pairs), given, key))
    return slots
