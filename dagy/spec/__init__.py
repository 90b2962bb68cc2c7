"""The FlowSpec: the one intermediate representation of a flow.

`model` holds the dataclasses, `references` how an argument points at another task's output or at a
flow parameter, and `decode` the strict reader of the JSON form, which only those import who read it
(`FlowSpec.from_json`). Standard library only: the worker imports this.
"""

from dagy.spec.model import (
    EPOCH,
    SCHEMA_VERSION,
    FlowSpec,
    TaskRunSpec,
    TaskSpec,
)
from dagy.spec.references import (
    BranchReference,
    Direct,
    ParameterReference,
    Reference,
    TaskReference,
    encode,
    follow,
    references_in,
    resolve,
)

__all__ = [
    "EPOCH",
    "SCHEMA_VERSION",
    "BranchReference",
    "Direct",
    "FlowSpec",
    "ParameterReference",
    "Reference",
    "TaskReference",
    "TaskRunSpec",
    "TaskSpec",
    "encode",
    "follow",
    "references_in",
    "resolve",
]
