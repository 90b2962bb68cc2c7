"""Secrets: values that no record, log or message may show.

A parameter annotated as pydantic's SecretStr or SecretBytes is marked `secret` in the FlowSpec, so
that the worker knows it too; a task's `secrets` are the others (see `dagy.environment`). Wherever
such a value turns up in a text, asterisks stand in its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagy.interpreter.events import Failure, Sink, Transition

MASK = "**********"

# A message may cut a long value short. So much of its beginning is enough to know it by.
_BEGINNING = 16

# A key of many lines is printed line by line. Shorter lines tell nothing, and stand in other texts.
_LINE = 8


class Mask:
    """Replaces secrets in texts.

    Args:
        secrets: their values.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = [part for secret in secrets for part in (secret, *_lines(secret))]
        forms = {form for part in parts for form in _forms(part) if form}
        self._forms = sorted(forms, key=len, reverse=True)  # one may begin with another
        self._rests: dict[str, list[str]] = {}
        for form in self._forms:
            if len(form) > 2 * _BEGINNING:
                self._rests.setdefault(form[:_BEGINNING], []).append(form[_BEGINNING:])

    def __bool__(self) -> bool:
        return bool(self._forms)

    def __call__(self, text: str) -> str:
        """Return a text with asterisks in place of each secret, or of its beginning."""
        for form in self._forms:
            text = text.replace(form, MASK)
        for beginning, rests in self._rests.items():
            first, *others = text.split(beginning)
            text = MASK.join([first, *(_after(part, rests) for part in others)])
        return text

    def failure(self, failure: Failure) -> Failure:
        """Return a failure that shows no secret."""
        if not self:
            return failure
        message, traceback = self(failure.message), self(failure.traceback)
        return failure._replace(message=message, traceback=traceback)

    def exception(self, error: BaseException, message: str) -> BaseException:
        """Return an exception that may be raised: if it shows a secret, another of its name.

        Args:
            error: the exception; what caused it counts too.
            message: its message without the secret.
        """
        if not self:
            return error
        import traceback

        shown = "".join(traceback.format_exception(error))  # with its causes
        if self(shown) == shown:
            return error
        other: BaseException = type(type(error).__name__, (Exception,), {})(message)
        return other.with_traceback(error.__traceback__)

    def output(self, text: str) -> str:
        """Return JSON text whose strings show no secret."""
        if not any(json.dumps(form)[1:-1] in text for form in self._forms):
            return text
        from dagy.values.marks import parsed, spelled

        return spelled(self._value(parsed(text)))

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return self(value)
            case list():
                return [self._value(item) for item in value]
            case dict():
                # Of the same type, which says whether it is a mark.
                return type(value)((self(key), self._value(item)) for key, item in value.items())
            case _:
                return value


NO_SECRETS = Mask(())


def _lines(secret: str) -> list[str]:
    return [line for line in map(str.strip, secret.splitlines()) if len(line) >= _LINE]


def _forms(secret: str) -> tuple[str, ...]:
    """Return a secret as it is, as Python shows it, and as JSON does."""
    return secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]


def _after(part: str, rests: list[str]) -> str:
    """Return what comes after a secret, the beginning of which, but not all of it, is gone."""
    return part[max(_common_length(part, rest) for rest in rests) :]


def _common_length(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def mask_of(
    parameters: Iterable[Mapping[str, Any]],
    values: Mapping[str, Any],
    secrets: Iterable[str] = (),
) -> Mask:
    """Return what hides the secrets of a run: those among its parameters, and those of its tasks.

    Args:
        parameters: the FlowSpec's `parameters`.
        values: JSON by name.
        secrets: the values of the secrets that tasks have asked for.
    """
    given = [values.get(entry["name"]) for entry in parameters if entry.get("secret")]
    return Mask([*secrets, *(text for secret in given for text in texts_in(secret))])


def texts_in(value: Any) -> Iterable[str]:
    """Yield every text in a JSON value, but for keys."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from texts_in(item)
        case dict():
            for item in value.values():
                yield from texts_in(item)


def masked(parameters: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of parameters as they may be recorded."""
    secret = {entry["name"] for entry in parameters if entry.get("secret")}
    return {name: MASK if name in secret else value for name, value in values.items()}


class MaskingSink:
    """A sink that passes on every transition without the secrets in it.

    Args:
        sink: gets them.
        mask: knows the secrets.
    """

    def __init__(self, sink: Sink, mask: Mask) -> None:
        self._sink = sink
        self._mask = mask

    def emit(self, transition: Transition) -> None:
        """Pass on one transition."""
        message, output, error = transition.message, transition.output, transition.error
        self._sink.emit(
            transition._replace(
                message=None if message is None else self._mask(message),
                output=None if output is None else self._mask.output(output),
                error=None if error is None else self._mask.failure(error),
            )
        )
