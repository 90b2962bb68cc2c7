"""How to see whether a job has ended that a `.sync` integration started. Data.

What Step Functions answers with is the description of the job, as the service's page in its
developer guide and recorded executions have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

Json = Mapping[str, Any]


class Job(NamedTuple):
    """A kind of job. All names are the service's own.

    Attributes:
        operation: describes the job.
        arguments: what that is given, from the arguments of the call and its answer.
        result: where in its answer the result is.
        status: where in the result the status is.
        succeeded: statuses of a job that has succeeded.
        failed: statuses of one that has failed.
        wrapped_as: the field that Step Functions puts the result in, if it does.
        broken: whether a result has failed although its status does not say so.
    """

    operation: str
    arguments: Callable[[Json, Json], dict[str, Any]]
    result: tuple[str | int, ...]
    status: tuple[str, ...]
    succeeded: tuple[str, ...]
    failed: tuple[str, ...]
    wrapped_as: str | None = None
    broken: Callable[[Json], bool] = lambda _: False


def _named(field: str) -> Callable[[Json, Json], dict[str, Any]]:
    """The job is found by the name that the call gave it."""
    return lambda given, _: {field: given[field]}


def _answered(field: str, found: str | None = None) -> Callable[[Json, Json], dict[str, Any]]:
    """The job is found by a field of the answer."""
    return lambda _, answer: {field: answer[found or field]}


def _sagemaker(kind: str) -> Job:
    name = kind.title() + "Job"
    done, failed = ("Completed",), ("Failed", "Stopped")
    return Job(f"describe_{kind}_job", _named(name + "Name"), (), (name + "Status",), done, failed)


def _has_failed_container(task: Json) -> bool:
    # One that never started has no exit code.
    return any(container.get("exitCode") != 0 for container in task.get("containers", ()))


JOBS: Final = MappingProxyType(
    {
        ("athena", "startQueryExecution"): Job(
            "get_query_execution",
            _answered("QueryExecutionId"),
            ("QueryExecution",),
            ("Status", "State"),
            ("SUCCEEDED",),
            ("FAILED", "CANCELLED"),
            wrapped_as="QueryExecution",
        ),
        ("batch", "submitJob"): Job(
            "describe_jobs",
            lambda _, answer: {"jobs": [answer["jobId"]]},
            ("jobs", 0),
            ("status",),
            ("SUCCEEDED",),
            ("FAILED",),
        ),
        ("codebuild", "startBuild"): Job(
            "batch_get_builds",
            lambda _, answer: {"ids": [answer["build"]["id"]]},
            ("builds", 0),
            ("buildStatus",),
            ("SUCCEEDED",),
            ("FAILED", "FAULT", "TIMED_OUT", "STOPPED"),
            wrapped_as="Build",
        ),
        ("databrew", "startJobRun"): Job(
            "describe_job_run",
            lambda given, answer: {"Name": given["Name"], "RunId": answer["RunId"]},
            (),
            ("State",),
            ("SUCCEEDED",),
            ("FAILED", "TIMEOUT", "STOPPED"),
        ),
        ("ecs", "runTask"): Job(
            "describe_tasks",
            lambda _, answer: {
                "cluster": answer["tasks"][0]["clusterArn"],
                "tasks": [answer["tasks"][0]["taskArn"]],
            },
            ("tasks", 0),
            ("lastStatus",),
            ("STOPPED",),
            (),
            broken=_has_failed_container,
        ),
        ("elasticmapreduce", "addStep"): Job(
            "describe_step",
            lambda given, answer: {
                "ClusterId": given["ClusterId"],
                "StepId": answer["StepIds"][0],
            },
            ("Step",),
            ("Status", "State"),
            ("COMPLETED",),
            ("CANCELLED", "FAILED", "INTERRUPTED"),
            wrapped_as="Step",
        ),
        ("elasticmapreduce", "createCluster"): Job(
            "describe_cluster",
            _answered("ClusterId", "JobFlowId"),
            ("Cluster",),
            ("Status", "State"),
            ("WAITING", "TERMINATED"),
            ("TERMINATED_WITH_ERRORS",),
            wrapped_as="Cluster",
        ),
        ("elasticmapreduce", "terminateCluster"): Job(
            "describe_cluster",
            _named("ClusterId"),
            ("Cluster",),
            ("Status", "State"),
            ("TERMINATED", "TERMINATED_WITH_ERRORS"),
            (),
            wrapped_as="Cluster",
        ),
        ("emr-containers", "startJobRun"): Job(
            "describe_job_run",
            lambda _, answer: {
                "virtualClusterId": answer["virtualClusterId"],
                "id": answer["id"],
            },
            ("jobRun",),
            ("state",),
            ("COMPLETED",),
            ("FAILED", "CANCELLED"),
        ),
        ("emr-serverless", "startJobRun"): Job(
            "get_job_run",
            lambda _, answer: {
                "applicationId": answer["applicationId"],
                "jobRunId": answer["jobRunId"],
            },
            ("jobRun",),
            ("state",),
            ("SUCCESS",),
            ("FAILED", "CANCELLED"),
        ),
        ("glue", "startJobRun"): Job(
            "get_job_run",
            lambda given, answer: {"JobName": given["JobName"], "RunId": answer["JobRunId"]},
            ("JobRun",),
            ("JobRunState",),
            ("SUCCEEDED", "STOPPED"),
            ("FAILED", "TIMEOUT", "ERROR", "EXPIRED"),
        ),
        ("sagemaker", "createProcessingJob"): _sagemaker("processing"),
        ("sagemaker", "createTrainingJob"): _sagemaker("training"),
        ("sagemaker", "createTransformJob"): _sagemaker("transform"),
        ("states", "startExecution"): Job(
            "describe_execution",
            _answered("executionArn"),
            (),
            ("status",),
            ("SUCCEEDED",),
            ("FAILED", "TIMED_OUT", "ABORTED"),
        ),
    }
)
"""The jobs that a local run can wait for, by service and action."""
