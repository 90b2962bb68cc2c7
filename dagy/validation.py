"""Arguments as the function's annotations have them: checked, and converted from JSON.

Annotations of plain JSON types are checked here. Anything richer takes pydantic, in its strict mode
for JSON: "5" is no int, and "2026-01-31" is a date, because JSON has no other way to write one.
It is imported when the first such argument arrives, and not before: a worker may have none.
"""

from __future__ import annotations

import functools
import inspect
import operator
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagy.annotations import accepted, annotations_of, is_secret, owns_keys, spell
from dagy.errors import MissingExtraError, ParameterError
from dagy.shapes import Convert, MisfitError, converter, describe

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

_EMPTY = inspect.Parameter.empty


class Arguments:
    """What the arguments of one function have to be.

    Args:
        fn: the function.
        label: of whose function it is, for messages: `task 'extract'`.
        validate: False lets everything pass as it is.
        noun: what messages call an argument.
    """

    def __init__(
        self, fn: Callable[..., Any], label: str, *, validate: bool, noun: str = "argument"
    ) -> None:
        self._label = label
        self._noun = noun
        self._by_name: dict[str, Convert] = {}
        self._spelled: dict[str, str] = {}
        self._keyed: set[str] = set()
        self._positional: list[str] = []
        self._named: set[str] = set()
        self._more_positional: str | None = None
        self._more_named: str | None = None
        annotations = annotations_of(fn) if validate else {}
        for name, parameter in inspect.signature(fn).parameters.items():
            self._note(name, parameter)
            if name in annotations:
                self._add(name, annotations[name])

    def _note(self, name: str, parameter: inspect.Parameter) -> None:
        if parameter.kind is parameter.VAR_POSITIONAL:
            self._more_positional = name
        elif parameter.kind is parameter.VAR_KEYWORD:
            self._more_named = name
        else:
            if parameter.kind is not parameter.KEYWORD_ONLY:
                self._positional.append(name)
            if parameter.kind is not parameter.POSITIONAL_ONLY:
                self._named.add(name)

    def _add(self, name: str, annotation: Any) -> None:
        found = accepted(annotation)
        if found.exact and found.shape is None:
            return
        self._spelled[name] = spell(annotation)
        if owns_keys(annotation):
            self._keyed.add(name)
        if found.exact:
            self._by_name[name] = converter(found.shape)
        else:
            self._by_name[name] = _Rich(annotation, f"{self._label}: {self._noun} {name!r}")

    @property
    def needs_pydantic(self) -> bool:
        """Whether it takes pydantic to tell what an argument has to be."""
        return any(isinstance(convert, _Rich) for convert in self._by_name.values())

    def convert(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of a call as the function's annotations have them.

        Args:
            args: positional ones, as JSON values.
            kwargs: named ones, likewise. Neither is changed.

        Raises:
            ParameterError: one does not fit; the message has its name, the path inside it, the
                value and what it must be.
            MissingExtraError: it takes pydantic to tell, and that is not installed.
        """
        if not self._by_name:
            return list(args), dict(kwargs)
        known = len(self._positional)
        positional = [
            self.convert_one(self._positional[index], value)
            if index < known
            else self._item(self._more_positional, index - known, value)
            for index, value in enumerate(args)
        ]
        named = {
            name: self.convert_one(name, value)
            if name in self._named
            else self._item(self._more_named, name, value)
            for name, value in kwargs.items()
        }
        return positional, named

    def convert_one(self, name: str, value: Any) -> Any:
        """Return the value of one parameter as its annotation has it; see `convert`."""
        return self._item(name, None, value)

    def owns_keys(self, name: str) -> bool:
        """Tell whether a parameter's annotation says what the keys of dicts in it are."""
        return name in self._keyed

    def check(self, name: str, value: Any) -> None:
        """Raise MisfitError unless a JSON value fits a parameter."""
        if name in self._by_name:
            self._by_name[name](value)

    def _item(self, name: str | None, step: str | int | None, value: Any) -> Any:
        """Convert an argument, or the item of `*args` or `**kwargs` at a step."""
        convert = self._by_name.get(name) if name is not None else None
        if convert is None:
            return value
        try:
            return convert(value)
        except MisfitError as misfit:
            if step is not None:
                misfit.steps.append(step)
            assert name is not None
            problem = misfit.told_of(name, self._spelled[name])
            raise ParameterError(f"{self._label}: {self._noun} {name!r} {problem}") from None


class _Rich:
    """Converts by pydantic.

    Args:
        annotation: what to.
        label: the parameter, for the message that pydantic is missing.
    """

    def __init__(self, annotation: Any, label: str) -> None:
        self._annotation = annotation
        self._label = label

    def __call__(self, value: Any) -> Any:
        if type(value) is self._annotation:
            return value  # an artifact has come back as what it was; a worker has no pydantic
        adapter = self._adapter
        if adapter is None:
            return value
        from pydantic import ValidationError

        try:
            return _validated(adapter, value)
        except ValidationError as error:
            raise _misfit(error, secret=is_secret(self._annotation)) from None

    @cached_property
    def _adapter(self) -> TypeAdapter[Any] | None:
        """What validates; None for an annotation that pydantic cannot make sense of."""
        try:
            from pydantic import ConfigDict, TypeAdapter
            from pydantic.errors import PydanticUserError
        except ImportError as error:
            raise MissingExtraError(
                f"{self._label} is annotated {spell(self._annotation)}, which takes pydantic to "
                "make from JSON, and pydantic cannot be imported here; put it beside the flow's "
                "code, annotate with plain types (str, int, list, ...), or set "
                "validate_parameters=False and convert in the task"
            ) from error
        # Under another name, because a dataclass by itself may not be given a configuration.
        annotation = typing.NewType("annotation", _for_pydantic(self._annotation))  # type: ignore[misc] # made here
        try:
            return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
        except PydanticUserError:
            return None


def _for_pydantic(annotation: Any) -> Any:
    """Return an annotation with each TypedDict as pydantic wants it before Python 3.12."""
    if sys.version_info >= (3, 12):
        return annotation
    if typing.is_typeddict(annotation):
        from typing_extensions import TypedDict

        hints = typing.get_type_hints(annotation, include_extras=True)
        fields = {
            name: typing.Required[kind] if name in annotation.__required_keys__ else kind
            for name, kind in ((name, _for_pydantic(hint)) for name, hint in hints.items())
        }
        return TypedDict(annotation.__name__, fields, total=False)  # type: ignore[operator] # made here
    members = typing.get_args(annotation)
    changed = tuple(map(_for_pydantic, members))
    if all(new is old for new, old in zip(changed, members, strict=True)):
        return annotation
    if isinstance(annotation, types.UnionType):
        return functools.reduce(operator.or_, changed)
    if hasattr(annotation, "copy_with"):
        return annotation.copy_with(changed)
    return typing.get_origin(annotation)[changed]


def _validated(adapter: TypeAdapter[Any], value: Any) -> Any:
    import json

    try:
        text = json.dumps(value)
    except TypeError:
        # Artifacts are in it: what they are they are already, and what is beside them is still
        # JSON, which only the mode that is not strict takes from Python objects.
        return adapter.validate_python(value)
    return adapter.validate_json(text, strict=True)


def _misfit(error: ValidationError, *, secret: bool) -> MisfitError:
    fault = error.errors(include_url=False)[0]
    value = "what was given" if secret else describe(fault["input"])
    misfit = MisfitError(f"is refused ({fault['msg']})", value)
    misfit.steps = list(reversed(fault["loc"]))
    return misfit
