"""Every error that Dagy raises on purpose, in one hierarchy rooted in `DagyError`.

A message says what is wrong, where (flow, task, file and line), and what to do about it. The CLI
prints it without a traceback: a `DagyError` is the user's to mend, anything else is a bug of ours.
"""

from __future__ import annotations


class DagyError(Exception):
    """Base of all errors that Dagy raises on purpose."""


class DefinitionError(DagyError):
    """A decorator was given something it cannot accept, or a function it cannot run."""


class TraceError(DagyError):
    """A flow did something, while its graph was being traced, that has no meaning there.

    Attributes:
        parameter: the name of the flow parameter that was used as if it had a value, or None when
            the misuse was of a task's output.
    """

    def __init__(self, message: str, *, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class NotBuiltError(DagyError):
    """The contract has this, and this version of Dagy does not do it yet."""


class ParameterError(DagyError):
    """A flow parameter or a task argument is missing, unknown, or of the wrong type."""


class CodecError(DagyError):
    """A value cannot cross from one task to another: it is not JSON.

    Attributes:
        path: where in the value the fault is, as Python would spell it: `["rows"][3]`.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class SpecError(DagyError):
    """A FlowSpec is malformed.

    Attributes:
        path: the field at fault, as `task_runs[3].depends_on[0]`.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'FlowSpec'}: {message}")
        self.path = path


class ProfileError(DagyError):
    """A profile, or what holds in its place, is not there or not right."""


class ScheduleError(DagyError):
    """A schedule means nothing, or nothing that EventBridge Scheduler can do."""


class LoadError(DagyError):
    """A file could not be imported, or holds no flow that fits the request."""


class RunFailedError(DagyError):
    """A local run did not succeed; raised only where the caller asked for it."""


class TaskEnvironmentError(DagyError):
    """A task asks for an environment variable or a secret that it cannot be given."""


class ProcessDiedError(DagyError):
    """The process of an isolated attempt ended before the task returned."""


class HistoryError(DagyError):
    """The local history cannot be written or read."""


class ResumeError(DagyError):
    """A run cannot be resumed: its flow has changed, or there is nothing to resume."""


class CompileError(DagyError):
    """A FlowSpec cannot be lowered as asked."""


class LimitError(CompileError):
    """What would be emitted passes a hard limit of AWS."""


class OutputTooLargeError(DagyError):
    """A task's output is larger than what passes between two states of Step Functions."""


class SettingsError(DagyError):
    """A setting of a stack is unknown, or not what AWS accepts."""


class BundleError(DagyError):
    """A bundle is damaged, incomplete, or cannot be written."""


class AwsError(DagyError):
    """AWS refused a request, or could not be reached."""


class DeployError(DagyError):
    """A deployment did not succeed, or cannot be made as asked."""


class RemoteError(DagyError):
    """A run on AWS is not there, or cannot be started, stopped or resumed as asked."""


class ProjectError(DagyError):
    """A new project cannot be written where it was asked for."""


class MissingExtraError(DagyError):
    """A part of Dagy needs an optional extra that is not installed."""


class NotLocalError(DagyError):
    """A task has no meaning on this machine, and needs a stand-in here."""


class ServiceError(DagyError):
    """A service that a task calls has failed, as Step Functions would tell it.

    The class of each is named as the error is there, such as `Glue.EntityNotFoundException`, as
    errors are named by their class everywhere else; `service_error` makes them.
    """


def service_error(name: str, cause: str) -> ServiceError:
    """Return the error of a service under the name that Step Functions gives it.

    Args:
        name: such as `Glue.EntityNotFoundException` or `States.Timeout`.
        cause: what went wrong, as text.

    Examples:
        >>> type(service_error("States.Timeout", "late")).__name__
        'States.Timeout'
    """
    kind = type(name, (ServiceError,), {"__module__": __name__})
    error: ServiceError = kind(cause)
    return error
