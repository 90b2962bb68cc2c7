"""Flow parameters on the command line: `--param k=v` and `--params-file`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dagy.annotations import Accepted, accepted, annotations_of
from dagy.errors import ParameterError
from dagy.flow import Flow
from dagy.shapes import MisfitError, fits


def read_params(flow: Flow[..., Any], pairs: Sequence[str], file: Path | None) -> dict[str, Any]:
    """Return the parameters given on a command line; a pair beats the file.

    Args:
        flow: tells by its annotations how a text is to be read: `2026` stays text for a `str`.
        pairs: texts of the form `name=value`; a value is JSON where that fits, and text otherwise.
        file: a JSON object.

    Raises:
        ParameterError: a pair has no `=`, or the file is not a JSON object.
    """
    values = _read_file(file) if file is not None else {}
    annotations = annotations_of(flow.fn)
    for name, text in split_pairs("--param", pairs):
        values[name] = _read_value(flow, name, text, accepted(annotations.get(name, Any)))
    return values


def read_given(
    entries: Sequence[Mapping[str, Any]], pairs: Sequence[str], file: Path | None
) -> dict[str, Any]:
    """Return the parameters given on a command line for a flow that is known by its spec only.

    Args:
        entries: the FlowSpec's `parameters`, whose shapes tell how a text is to be read.
        pairs: as for `read_params`.
        file: likewise.

    Raises:
        ParameterError: a pair has no `=`, or the file is not a JSON object.
    """
    values = _read_file(file) if file is not None else {}
    shapes = {entry["name"]: entry.get("accepts") for entry in entries}
    for name, text in split_pairs("--param", pairs):
        shape = shapes.get(name)
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        values[name] = text if not fits(value, shape) and fits(text, shape) else value
    return values


def split_pairs(
    option: str, pairs: Sequence[str], form: str = "name=value"
) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each pair.

    Args:
        option: that they were given by.
        pairs: as they were given.
        form: for messages: how one is written.

    Raises:
        ParameterError: one has no `=`, or no name.
    """
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise ParameterError(f"{option} {pair}: write it as {form}")
        yield name, text


def _read_value(flow: Flow[..., Any], name: str, text: str, accepted: Accepted) -> Any:
    if accepted.shape == ["string"]:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text

    def fit(candidate: Any) -> bool:
        if accepted.exact:
            return fits(candidate, accepted.shape)
        try:
            flow.annotated.check(name, candidate)
        except MisfitError:
            return False
        return True

    # `Optional[str]` takes null, and takes 2026 as a text; so does a Path. A Decimal takes 0.10 as
    # a text too, and a float would have lost a digit.
    inexact = isinstance(value, float) and not accepted.exact
    return text if (inexact or not fit(value)) and fit(text) else value


def _read_file(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_bytes())
    except OSError as error:
        raise ParameterError(f"--params-file {file}: {error.strerror}") from error
    except ValueError as error:
        raise ParameterError(f"--params-file {file}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ParameterError(f"--params-file {file}: must hold a JSON object, name to value")
    return values
