"""Calling a service from a local run: boto3 instead of Step Functions, with the same answers.

An error is named as Step Functions names it: what the names of the service's errors begin with (see
`catalog`), a dot, and the error's code, which ends in `Exception`. A job that failed is
`States.TaskFailed` with its description as the cause; what the client itself could not do is
`SdkClientException`, and arguments it does not take are `States.Runtime`. These are the names in
histories of executions on AWS that others published.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from dagy.errors import MissingExtraError, NotLocalError, ServiceError, service_error
from dagy.services.catalog import CUSTOM, SYNC_2, TOKEN, error_prefix
from dagy.services.integration import Integration
from dagy.services.jobs import JOBS, Job
from dagy.services.models import client_name, is_available, operation_of, service_model
from dagy.services.shapes import from_boto, to_boto

LONGEST_PAUSE = 30.0
"""Seconds between two looks at a job that takes long."""

Arguments = Mapping[str, Any]
Client = Callable[[str], Any]


class _Wrapped(NamedTuple):
    """An action of Step Functions' own around an operation of a service."""

    operation: str
    request: Callable[[Arguments], dict[str, Any]]
    answer: Callable[[Arguments], dict[str, Any]]


_WRAPPED = {
    ("elasticmapreduce", "addStep"): _Wrapped(
        "AddJobFlowSteps",
        lambda given: {
            "JobFlowId": given["ClusterId"],
            "Steps": [given["Step"]],
            **{name: given[name] for name in ("ExecutionRoleArn",) if name in given},
        },
        lambda answer: {"StepId": answer["StepIds"][0]},
    ),
    ("elasticmapreduce", "cancelStep"): _Wrapped(
        "CancelSteps",
        lambda given: {"ClusterId": given["ClusterId"], "StepIds": [given["StepId"]]},
        lambda answer: {"CancelStepsInfo": answer["CancelStepsInfoList"][0]},
    ),
    ("elasticmapreduce", "createCluster"): _Wrapped(
        "RunJobFlow", dict, lambda answer: {"ClusterId": answer["JobFlowId"]}
    ),
    ("elasticmapreduce", "setClusterTerminationProtection"): _Wrapped(
        "SetTerminationProtection",
        lambda given: {
            "JobFlowIds": [given["ClusterId"]],
            "TerminationProtected": given["TerminationProtected"],
        },
        dict,
    ),
    ("elasticmapreduce", "terminateCluster"): _Wrapped(
        "TerminateJobFlows", lambda given: {"JobFlowIds": [given["ClusterId"]]}, dict
    ),
    ("bedrock", "invokeModel"): _Wrapped("InvokeModel", dict, dict),
}


def call(
    integration: Integration,
    arguments: Arguments,
    *,
    client: Client | None = None,
    pause: Callable[[float], None] = time.sleep,
    timeout_seconds: float | None = None,
) -> Any:
    """Call a service, wait for its job if the integration does, and return what it answers.

    Args:
        integration: what to call.
        arguments: JSON by name, in PascalCase.
        client: gives boto3's client of a service by boto3's name; by default that of the machine's
            own configuration.
        pause: lets seconds pass between two looks at a job.
        timeout_seconds: how long to look at it.

    Returns:
        JSON as Step Functions gives it.

    Raises:
        ServiceError: the call or the job failed; its class is named as Step Functions names it.
        NotLocalError: only Step Functions can do this.
        MissingExtraError: boto3 is not installed.
    """
    _check_local(integration)
    made = _Call(integration, (client or _client)(client_name(integration)))
    answer = made.start(arguments)
    job = JOBS[integration.service, integration.action] if integration.pattern else None
    if job is None:
        return made.result(answer, arguments)
    return made.result_of_job(job, arguments, answer, pause, timeout_seconds)


def _check_local(integration: Integration) -> None:
    key = (integration.service, integration.action)
    reason = None
    if integration.pattern == TOKEN:
        reason = "waits for an answer with its task token, and only Step Functions can take one"
    elif integration.sdk:
        pass
    elif key in CUSTOM and key not in _WRAPPED:
        reason = "is no operation of the AWS SDK"
    elif integration.pattern and key not in JOBS:
        reason = "waits for a job of a kind that local runs cannot wait for"
    if reason is not None:
        raise NotLocalError(
            f"{integration.resource!r} {reason}; in a test give the task a stand-in: "
            f"run_in_memory(flow, replace={{{integration.task_name!r}: ...}})"
        )
    if not is_available():
        raise MissingExtraError(
            f"{integration.resource!r} is called with boto3 in a local run, and boto3 is not "
            "installed; install dagy[aws], or give the task a stand-in"
        )


def _client(name: str) -> Any:
    import boto3

    return boto3.client(name)


class _Call:
    """One call of a service."""

    def __init__(self, integration: Integration, client: Any) -> None:
        self._integration = integration
        self._client = client
        key = (integration.service, integration.action)
        self._wrapped = None if integration.sdk else _WRAPPED.get(key)
        self._model = (
            operation_of(integration)
            if self._wrapped is None
            else service_model(client_name(integration)).operation_model(self._wrapped.operation)
        )

    def start(self, arguments: Arguments) -> dict[str, Any]:
        """Make the call; return boto3's answer."""
        key = (self._integration.service, self._integration.action)
        if key == ("lambda", "invoke") and not self._integration.sdk and "Payload" in arguments:
            arguments = {**arguments, "Payload": _event(arguments["Payload"])}
        request = dict(arguments) if self._wrapped is None else self._wrapped.request(arguments)
        return self._ask(self._model, to_boto(self._model.input_shape, request))

    def result(self, answer: dict[str, Any], arguments: Arguments) -> Any:
        """Return the answer of a call that waits for nothing more."""
        sdk = self._integration.sdk
        found = from_boto(self._model.output_shape, answer, sdk=sdk) or {}
        if sdk:
            return found
        if self._wrapped is not None:
            found = self._wrapped.answer(found)
        finish = _FINISHES.get((self._integration.service, self._integration.action))
        if finish is not None:
            found = finish(found, arguments)
        return {**found, **_metadata(answer)}

    def result_of_job(
        self,
        job: Job,
        arguments: Arguments,
        answer: dict[str, Any],
        pause: Callable[[float], None],
        timeout_seconds: float | None,
    ) -> Any:
        """Wait for the end of the job that a call has started; return its description."""
        if answer.get("failures"):
            raise service_error("AmazonECS.Unknown", _text(answer["failures"]))
        name = "".join(word.title() for word in job.operation.split("_"))
        model = self._client.meta.service_model.operation_model(name)
        request, waited, seconds = job.arguments(arguments, answer), 0.0, 1.0
        while True:
            told = self._ask(model, request)
            found = _at(told, job.result)
            status = _at(found, job.status)
            if status in job.succeeded or status in job.failed:
                break
            if timeout_seconds is not None and waited >= timeout_seconds:
                raise service_error("States.Timeout", f"after {timeout_seconds:g} seconds")
            pause(seconds)
            waited, seconds = waited + seconds, min(2 * seconds, LONGEST_PAUSE)
        shape = model.output_shape
        for step in job.result:
            shape = shape.member if isinstance(step, int) else shape.members[step]
        result = from_boto(shape, found, sdk=False)
        result = result if job.wrapped_as is None else {job.wrapped_as: result}
        if self._integration.pattern == SYNC_2:
            texts = [name for name in ("Input", "Output") if name in result]
            result = {**result, **{name: json.loads(result[name]) for name in texts}}
        if status in job.failed or job.broken(found):
            raise service_error("States.TaskFailed", _text(result))
        return result

    def _ask(self, model: Any, request: dict[str, Any]) -> dict[str, Any]:
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        prefix = error_prefix(self._integration.service, sdk=self._integration.sdk)
        try:
            answer: dict[str, Any] = getattr(self._client, xform_name(model.name))(**request)
        except ClientError as error:
            raise _failure(prefix, error) from error
        except ParamValidationError as error:
            raise service_error("States.Runtime", str(error)) from error
        except BotoCoreError as error:
            raise service_error(f"{prefix}.SdkClientException", str(error)) from error
        return answer


def _failure(prefix: str, error: Any) -> ServiceError:
    told = error.response.get("Error", {})
    code = str(told.get("Code", "Unknown")).rpartition(".")[2]
    name = code if code.endswith("Exception") else f"{code}Exception"
    metadata = error.response.get("ResponseMetadata", {})
    return service_error(
        f"{prefix}.{name}",
        f"{told.get('Message', code)} (Service: {prefix}, Status Code: "
        f"{metadata.get('HTTPStatusCode')}, Request ID: {metadata.get('RequestId')})",
    )


def _event(payload: Any) -> str:
    """Return JSON text for what a Lambda function is given: any JSON, or text that is JSON."""
    if payload is None:
        return "{}"
    if isinstance(payload, str):
        with suppress(ValueError):
            json.loads(payload)
            return payload
    return _text(payload)


def _invoked(answer: dict[str, Any], _: Arguments) -> dict[str, Any]:
    """Open what a Lambda function returned; it is JSON text."""
    payload = answer.get("Payload") or "null"
    if "FunctionError" in answer:
        told = json.loads(payload)
        name = told.get("errorType") if isinstance(told, dict) else None
        raise service_error(name or "Lambda.Unknown", payload)
    return {**answer, "Payload": json.loads(payload)}


def _put_events(answer: dict[str, Any], _: Arguments) -> dict[str, Any]:
    if answer.get("FailedEntryCount"):
        raise service_error("EventBridge.FailedEntry", _text(answer))
    return answer


_FINISHES: Mapping[tuple[str, str], Callable[[dict[str, Any], Arguments], dict[str, Any]]] = {
    ("lambda", "invoke"): _invoked,
    ("events", "putEvents"): _put_events,
    ("glue", "startJobRun"): lambda answer, given: {**answer, "JobName": given["JobName"]},
}
"""What optimized integrations do with an answer beyond handing it on, each as its page says."""


def _metadata(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what optimized integrations add to an answer."""
    found = answer.get("ResponseMetadata", {})
    headers = found.get("HTTPHeaders", {})
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": found.get("HTTPStatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": found.get("RequestId", "")},
    }


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)
