"""Checking the arguments of a service integration against botocore's models.

What an output or a parameter will hold is not known yet, and passes. Step Functions turns JSON into
text where a service wants text, so text may be any JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dagy.options import nearest
from dagy.services.catalog import CUSTOM
from dagy.services.integration import Integration
from dagy.services.models import is_available, operation_of
from dagy.services.naming import java, pascal

if TYPE_CHECKING:
    from botocore.model import Shape, StructureShape

NOT_CHECKED = (
    "the arguments of aws_task were not checked, because botocore is not installed; "
    "install dagy[aws] to have them checked"
)

_NUMBERS = ("boolean", "integer", "long", "float", "double")


def check_arguments(
    integration: Integration, arguments: Mapping[str, Any], is_unknown: Callable[[Any], bool]
) -> bool:
    """Check the arguments of a call.

    Args:
        integration: what is called.
        arguments: by name, in PascalCase.
        is_unknown: tells of a value whether it is known only when the flow runs.

    Returns:
        Whether they were checked; False where botocore is not installed.

    Raises:
        ValueError: there is no such service, action or argument, a needed one is missing, or a
            value is of the wrong kind.
    """
    custom = CUSTOM.get((integration.service, integration.action))
    if custom is not None and not integration.sdk:
        needed, more = custom
        missing = [name for name in needed if name not in arguments]
        _check_names(f"{integration.resource!r}", arguments, (*needed, *more), missing)
        return True
    if not is_available():
        return False
    shape = operation_of(integration).input_shape
    check = _Check(integration, is_unknown)
    if shape is None:
        _check_names(integration.resource, arguments, (), ())
    else:
        check.members(f"{integration.resource!r}", shape, arguments)
    return True


def argument_names(integration: Integration) -> list[str]:
    """Return the arguments that a call takes, in PascalCase; none where nothing tells them.

    Raises:
        ValueError: there is no such service or action.
    """
    custom = CUSTOM.get((integration.service, integration.action))
    if custom is not None and not integration.sdk:
        return [name for names in custom for name in names]
    shape = operation_of(integration).input_shape if is_available() else None
    return [] if shape is None else [pascal(name) for name in shape.members]


class _Check:
    """The check of one call."""

    def __init__(self, integration: Integration, is_unknown: Callable[[Any], bool]) -> None:
        # Where the two spellings differ, AWS's own examples show Java's for the SDK integrations.
        self._spellings = (pascal, java) if integration.sdk else (pascal,)
        self._is_unknown = is_unknown

    def members(self, path: str, shape: StructureShape, given: Mapping[str, Any]) -> None:
        """Check the arguments of a call."""
        known = self._known(shape)
        _check_names(path, given, known, self._missing(shape, given))
        for name, value in given.items():
            self._value(f"{path}: {name}", shape.members[known[name]], value)

    def _known(self, shape: StructureShape) -> dict[str, str]:
        """Return the service's own name of each member by the names that it may be given under."""
        return {spell(name): name for spell in self._spellings for name in shape.members}

    def _missing(self, shape: StructureShape, given: Iterable[str]) -> list[str]:
        # What makes a call idempotent is filled in by whoever makes it.
        return [
            pascal(name)
            for name in shape.required_members
            if not shape.members[name].metadata.get("idempotencyToken")
            and all(spell(name) not in given for spell in self._spellings)
        ]

    def _value(self, path: str, shape: Shape, value: Any) -> None:
        if self._is_unknown(value) or value is None or getattr(shape, "is_document_type", False):
            return
        kind: Any = shape
        match shape.type_name:
            case "structure":
                _require(path, value, dict, "an object")
                # AWS's own examples have some fields below the arguments in the service's spelling.
                self.members(path, kind, {pascal(name): item for name, item in value.items()})
            case "list":
                _require(path, value, (list, tuple), "a list")
                for index, item in enumerate(value):
                    self._value(f"{path}[{index}]", kind.member, item)
            case "map":
                _require(path, value, dict, "an object")
                for name, item in value.items():
                    self._value(f"{path}[{name!r}]", kind.value, item)
            case number if number in _NUMBERS:
                _require(path, value, (bool, int, float, str), "a number, a boolean or text")


def _check_names(
    path: str, given: Iterable[str], known: Iterable[str], missing: Iterable[str]
) -> None:
    known = list(known)
    for name in given:
        if name not in known:
            raise ValueError(f"{path} takes no {name!r}{nearest(name, known)}")
    if missing:
        raise ValueError(f"{path} needs {', '.join(missing)}")


def _require(path: str, value: Any, kind: type | tuple[type, ...], what: str) -> None:
    if not isinstance(value, kind):
        raise ValueError(f"{path} must be {what}, not {value!r}")  # noqa: TRY004 - one class for all
