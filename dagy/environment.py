"""The environment variables and secrets that tasks ask for, in a local run and in a worker.

On AWS each place has the environment of its tasks, and the worker adds the secrets. A local run has
one process: it sets the variables of all tasks for as long as it lasts, and takes secrets from its
own environment or from the file `.env` in the current folder, which no artifact ever holds. Secrets
are recorded nowhere (see `dagy.masking`). Standard library only; boto3 where a worker needs it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from dagy.errors import ParameterError, SpecError, TaskEnvironmentError
from dagy.masking import Mask, texts_in
from dagy.resources import SECRET_FORMS, SecretSource, secret_source
from dagy.spec import TaskSpec

ENV_FILE = ".env"

SECRET_SECONDS = 300
"""How long a worker uses a secret before it reads it again, for secrets are changed."""


class LocalEnvironment:
    """The variables and secrets of tasks, set while a run lasts; then what was there is put back.

    A task with isolation="process" gets its `environment` in that process only.

    Args:
        tasks: of the run.

    Attributes:
        secrets: their values, which no record may show.

    Raises:
        TaskEnvironmentError: a secret is nowhere, or two tasks want different values of a variable.
    """

    def __init__(self, tasks: Iterable[TaskSpec]) -> None:
        tasks = list(tasks)
        found = _local_secrets(tasks)
        self.secrets = tuple(found.values())
        self._wanted = _merged(tasks) | found
        self._before: dict[str, str | None] = {}

    def __enter__(self) -> None:
        """Set them."""
        self._before = {name: os.environ.get(name) for name in self._wanted}
        os.environ.update(self._wanted)

    def __exit__(self, *_: object) -> None:
        """Put back what was there."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def worker_environment(tasks: Iterable[TaskSpec]) -> tuple[str, ...]:
    """Set the secrets of the tasks that a worker is about to run.

    The place of a worker has the tasks of one environment only, so nothing need be put back.

    Args:
        tasks: those it runs.

    Returns:
        The values of the secrets, which no log may show.

    Raises:
        TaskEnvironmentError: one cannot be read; names the task, the variable and the reason.
    """
    values = []
    for task in tasks:
        for name, reference in task.secrets.items():
            try:
                value = _fetched(secret_source(reference))
            except Exception as error:  # boto3 has a class of its own for each refusal
                raise TaskEnvironmentError(
                    f"{_label(task)}: its secret {name} cannot be read from {reference}: {error}"
                ) from error
            os.environ[name] = value
            values.append(value)
    return tuple(values)


def secret_parameters(
    flow_name: str,
    entries: Iterable[Mapping[str, Any]],
    given: Mapping[str, Any],
    unread: Container[str] = (),
) -> dict[str, Any]:
    """Return a flow's parameters with each secret in place of where it is kept.

    The input of an execution is shown by Step Functions to whoever may look at executions, so a
    secret itself has no place in it.

    Args:
        flow_name: for messages.
        entries: the parameters of the FlowSpec.
        given: their values, by name.
        unread: secrets that nobody here reads; they are left out.

    Raises:
        ParameterError: a secret is not given by where it is kept, or cannot be read there.
    """
    found = dict(given)
    for entry in entries:
        name = entry["name"]
        if not entry.get("secret") or found.get(name) is None:
            continue
        source = place_of_secret(flow_name, name, found[name])
        if name in unread:
            del found[name]
            continue
        try:
            text = _fetched(source)
        except Exception as error:  # boto3 has a class of its own for each refusal
            raise ParameterError(
                f"flow {flow_name!r}: the secret for parameter {name!r} cannot be read from "
                f"{given[name]}: {error}"
            ) from error
        found[name] = _opened(text, entry.get("accepts"))
        _within[source] = tuple(texts_in(found[name]))
    return found


def _opened(text: str, accepts: Any) -> Any:
    """Return the value of a parameter whose secret is kept as a text.

    It is JSON where the parameter has a secret in it, as a model has, and is not one itself.
    """
    if isinstance(accepts, list) and "string" in accepts:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text  # the parameter is refused as it is, without being shown
    return value if isinstance(value, (dict, list)) else text


def place_of_secret(flow_name: str, parameter: str, given: Any) -> SecretSource:
    """Return where a secret is kept, by what an execution is given for it.

    Raises:
        ParameterError: that is something else, such as the secret itself.
    """
    try:
        return secret_source(given)
    except (SpecError, TypeError):
        # What was given may be the secret, so it is not shown.
        raise ParameterError(
            f"flow {flow_name!r}: parameter {parameter!r} is a secret, and on AWS the input of an "
            f"execution is no place for one; give where it is kept: {SECRET_FORMS}"
        ) from None


def without_secrets(error: BaseException) -> BaseException:
    """Return an error as it may leave a worker: one of its name, if its message shows a secret."""
    message = str(error)
    within = (text for texts in _within.values() for text in texts)
    shown = Mask([*(value for _, value in _known.values()), *within])(message)
    if shown == message:
        return error
    named = type(type(error).__name__, (Exception,), {})
    masked: BaseException = named(shown)
    return masked.with_traceback(error.__traceback__)


def _merged(tasks: list[TaskSpec]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    owner: dict[str, TaskSpec] = {}
    for task in tasks:
        if task.isolation == "process":
            continue
        for name, value in task.environment.items():
            if wanted.setdefault(name, value) != value:
                raise TaskEnvironmentError(
                    f"{_label(task)}: its environment sets {name} to another value than that of "
                    f"{_label(owner[name])}, and in a local run both share one process; give one "
                    "of them isolation='process'"
                )
            owner.setdefault(name, task)
    return wanted


def _local_secrets(tasks: list[TaskSpec]) -> dict[str, str]:
    needed = {name: task for task in tasks for name in task.secrets}
    found = {name: os.environ[name] for name in needed if name in os.environ}
    if len(found) < len(needed):
        found = {
            name: value for name, value in read_env_file(Path(ENV_FILE)).items() if name in needed
        } | found
    for name, task in needed.items():
        if name not in found:
            raise TaskEnvironmentError(
                f"{_label(task)}: its secret {name} is not there; in a local run set the "
                f"environment variable {name}, or write the line {name}=... into the file "
                f"{ENV_FILE} in this folder (on AWS it is read from {task.secrets[name]})"
            )
    return found


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file of lines `NAME=value`; none if there is no file.

    Empty lines, lines that begin with `#`, a leading `export` and quotes around a value are as a
    shell reads them. Nothing within a value is expanded.

    Raises:
        TaskEnvironmentError: the file cannot be read, or a line is none of these.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise TaskEnvironmentError(f"{path}: cannot be read: {error}") from error
    found = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        if not equals:  # the line may be a secret by itself, so it is not shown
            raise TaskEnvironmentError(f"{path}:{number}: is no line of the form NAME=value")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name.strip()] = value
    return found


_known: dict[SecretSource, tuple[float, str]] = {}

_within: dict[SecretSource, tuple[str, ...]] = {}
"""The texts in what is kept as JSON."""


def _fetched(source: SecretSource) -> str:
    read_at, value = _known.get(source, (float("-inf"), ""))
    if time.monotonic() - read_at >= SECRET_SECONDS:
        value = _fetch(source)
        _known[source] = (time.monotonic(), value)
    return value


def _fetch(source: SecretSource) -> str:
    import boto3  # in every Lambda runtime, and in the container; nowhere else is it needed

    client: Any = boto3.client(source.service)
    answer: Mapping[str, Any]
    if source.service == "ssm":
        answer = client.get_parameter(Name=source.name, WithDecryption=True)
        return str(answer["Parameter"]["Value"])
    answer = client.get_secret_value(SecretId=source.name)
    if "SecretString" not in answer:
        raise ValueError("it is binary; keep it as text, or read it in the task")
    return str(answer["SecretString"])


def _label(task: TaskSpec) -> str:
    return f"task {task.name!r}" + (f" ({task.source})" if task.source else "")
