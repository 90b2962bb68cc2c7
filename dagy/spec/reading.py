"""Which of a flow's parameters are read where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dagy.spec.model import FlowSpec, TaskRunSpec
from dagy.spec.references import ParameterReference, references_in


def secret_names(spec: FlowSpec) -> frozenset[str]:
    """Return the names of a flow's parameters that are secrets."""
    return frozenset(entry["name"] for entry in spec.parameters if entry.get("secret"))


def parameters_in(value: Any) -> frozenset[str]:
    """Return the names of the parameters that an argument refers to."""
    found = references_in(value)
    return frozenset(each.name for each in found if isinstance(each, ParameterReference))


def parameters_read(runs: Iterable[TaskRunSpec]) -> frozenset[str]:
    """Return the names of the parameters that task runs read, their branches included."""
    return parameters_in([part for run in runs for part in (*run.arguments, run.when)])
