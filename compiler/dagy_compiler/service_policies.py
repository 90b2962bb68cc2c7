"""What the role of a state machine must be allowed for a task that Step Functions does itself.

The actions, and the extra ones of `.sync`, are those of the policies in the Step Functions
developer guide, page "IAM policies for integrated services" and the page of each service below it
(2023-06 and later, read 2026-11). A resource that the arguments name literally is the only one
allowed; where they do not, or where AWS cannot tell resources apart, it is `*`, with the reason
beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from dagy.errors import CompileError
from dagy.services.catalog import SYNC, SYNC_2, operation_name
from dagy.services.integration import Integration
from dagy.spec import FlowSpec, TaskRunSpec, TaskSpec
from dagy_compiler.cloudformation import sub
from dagy_compiler.iam import ANY, NOT_NAMED, Permission, arn, name_in, named, passes
from dagy_compiler.iam_actions import UnknownActionError, actions_of, prefix_of
from dagy_compiler.service_states import call_of, where

Arguments = Mapping[str, Any]
Found = Iterator[Permission]
Rule = Callable[[Arguments, bool], Found]
"""Gives the permissions for the arguments of a call, and for the job that it waits for."""

NOT_KNOWN: Final = "it has no name before it is started"
NOT_TOLD_APART: Final = "AWS does not tell resources apart for this action"


def permissions(task: TaskSpec, run: TaskRunSpec) -> tuple[Permission, ...]:
    """Return what a state needs that does the work of a task run; a wait needs nothing.

    Raises:
        CompileError: it is not known what IAM calls what it does.
    """
    if task.service is None or task.service["kind"] in ("sleep", "sleep_until"):
        return ()
    integration, _, arguments = call_of(task, run)
    try:
        return tuple(_permissions(integration, arguments))
    except UnknownActionError as error:
        raise CompileError(f"{where(run)}: aws_task {integration.resource!r}: {error}") from error


def permissions_of(spec: FlowSpec) -> list[Permission]:
    """Return what the state machine of a flow needs for its service tasks.

    Raises:
        CompileError: it is not known what IAM calls what one of them does.
    """
    return [
        permission
        for run in spec.task_runs
        for permission in permissions(spec.tasks[run.task_name], run)
    ]


def _permissions(integration: Integration, arguments: Arguments) -> Iterator[Permission]:
    key = (integration.service, integration.action)
    is_job = integration.pattern in (SYNC, SYNC_2)
    own = _SDK.get(key) if integration.sdk else _OPTIMIZED.get(key)
    if own is not None:
        yield from own(arguments, is_job)
    else:
        yield from _by_name(integration, arguments, _FOLLOWED.get(key, ()) if is_job else ())
    if is_job and key in _RULES:
        # Step Functions makes this rule itself, and learns of the job's end by it.
        rule = arn("events", "rule/", _RULES[key])
        yield Permission(("events:PutTargets", "events:PutRule", "events:DescribeRule"), (rule,))


def _by_name(integration: Integration, arguments: Arguments, more: tuple[str, ...]) -> Found:
    """Allow the action that is called as the operation is, on the ARNs among the arguments."""
    service = integration.service
    operations = (operation_name(service, integration.action), *more)
    actions = tuple(action for each in operations for action in actions_of(service, each))
    if not actions:
        return
    prefix = prefix_of(service)
    literals = [name for name in map(name_in, arguments.values()) if name is not None]
    own = tuple(dict.fromkeys(name for name in literals if _is_arn_of(name, prefix)))
    yield Permission(actions, own) if own else Permission(actions, (ANY,), NOT_NAMED)
    for name, value in arguments.items():
        if name == "Role" or name.endswith("RoleArn"):
            yield passes(value, f"{prefix}.amazonaws.com")


def _is_arn_of(name: str, service: str) -> bool:
    return re.match(rf"arn:[\w-]+:{service}:", name) is not None


# One function for each service whose policies follow a rule of their own.


def _simple(
    actions: tuple[str, ...],
    job_actions: tuple[str, ...],
    argument: str,
    service: str,
    kind: str,
    *endings: str,
) -> Rule:
    """A call and the job it starts are allowed on one resource, which an argument names."""

    def rule(arguments: Arguments, is_job: bool) -> Found:
        needed = (*actions, *job_actions) if is_job else actions
        yield named(needed, arguments.get(argument), service, kind, *endings)

    return rule


def _everywhere(*actions: str, job: tuple[str, ...] = ()) -> Rule:
    def rule(_: Arguments, is_job: bool) -> Found:
        yield Permission((*actions, *job) if is_job else actions, (ANY,), NOT_TOLD_APART)

    return rule


def _ecs_run_task(arguments: Arguments, is_job: bool) -> Found:
    definition = name_in(arguments.get("TaskDefinition"))
    has_revision = definition is not None and re.search(r":\d+$", definition) is not None
    ending = "" if has_revision else ":*"
    yield named(
        ("ecs:RunTask",), arguments.get("TaskDefinition"), "ecs", "task-definition/", ending
    )
    if is_job:
        yield Permission(("ecs:StopTask", "ecs:DescribeTasks"), (ANY,), NOT_KNOWN)
    reason = "the task definition names the roles"
    yield Permission(("iam:PassRole",), (ANY,), reason, "ecs-tasks.amazonaws.com")


def _start_execution(arguments: Arguments, is_job: bool) -> Found:
    machine = name_in(arguments.get("StateMachineArn"))
    yield named(("states:StartExecution",), machine, "states", "stateMachine:")
    if is_job:
        actions = ("states:DescribeExecution", "states:StopExecution")
        if machine is None:
            yield Permission(actions, (ANY,), NOT_NAMED)
        else:
            execution = machine.replace(":stateMachine:", ":execution:", 1)
            yield Permission(actions, (execution + ":*",))


def _send_message(arguments: Arguments, _: bool) -> Found:
    url = name_in(arguments.get("QueueUrl")) or ""
    # As AWS makes them: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME
    found = re.fullmatch(r"https://sqs\.([\w-]+)\.amazonaws\.com[.\w]*/(\d{12})/([\w.-]+)", url)
    if found is None:
        yield Permission(("sqs:SendMessage",), (ANY,), NOT_NAMED)
    else:
        region, account, name = found.groups()
        arn = sub(f"arn:${{AWS::Partition}}:sqs:{region}:{account}:{name}")
        yield Permission(("sqs:SendMessage",), (arn,))


def _put_events(arguments: Arguments, _: bool) -> Found:
    entries = arguments.get("Entries")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield Permission(("events:PutEvents",), (ANY,), NOT_NAMED)
        return
    for bus in dict.fromkeys(name_in(entry.get("EventBusName", "default")) for entry in entries):
        yield named(("events:PutEvents",), bus, "events", "event-bus/")


_READ_TABLES: Final = tuple(
    f"glue:{name}"
    for name in (
        *("GetDatabase", "GetDatabases", "GetTable", "GetTables"),
        *("GetPartition", "GetPartitions", "BatchGetPartition"),
    )
)
_WRITE_TABLES: Final = tuple(
    f"glue:{name}"
    for name in (
        *("CreateDatabase", "UpdateDatabase", "DeleteDatabase", "CreateTable", "UpdateTable"),
        *("DeleteTable", "BatchDeleteTable", "BatchCreatePartition", "CreatePartition"),
        *("UpdatePartition", "DeletePartition", "BatchDeletePartition"),
    )
)
_QUERY_FILES: Final = tuple(
    f"s3:{name}"
    for name in (
        *("GetBucketLocation", "GetObject", "ListBucket", "ListBucketMultipartUploads"),
        *("ListMultipartUploadParts", "AbortMultipartUpload", "PutObject"),
    )
)


def _start_query(arguments: Arguments, is_job: bool) -> Found:
    group = arguments.get("WorkGroup", "primary")
    job = ("athena:StopQueryExecution", "athena:GetQueryExecution") if is_job else ()
    yield named(("athena:StartQueryExecution", *job), group, "athena", "workgroup/")
    yield Permission(("athena:GetDataCatalog",), (arn("athena", "datacatalog/", "*"),))
    reason = "the query decides which data it reads and where"
    query = arguments.get("QueryString")
    reads = isinstance(query, str) and re.match(r"(?i)\s*(select|with|show|describe)\b", query)
    yield Permission(_QUERY_FILES, (ANY,), reason)
    yield Permission(_READ_TABLES if reads else (*_READ_TABLES, *_WRITE_TABLES), (ANY,), reason)
    yield Permission(("lakeformation:GetDataAccess",), (ANY,), NOT_TOLD_APART)


def _sagemaker(kind: str, operation: str, argument: str) -> Rule:
    def rule(arguments: Arguments, is_job: bool) -> Found:
        own = f"sagemaker:Create{operation}"
        more = (f"sagemaker:Describe{operation}", f"sagemaker:Stop{operation}")
        # Step Functions tags the jobs that it waits for.
        actions = (own, *more, "sagemaker:AddTags") if is_job else (own,)
        yield named(actions, arguments.get(argument), "sagemaker", f"{kind}/")
        yield Permission(("sagemaker:ListTags",), (ANY,), NOT_TOLD_APART)
        if "RoleArn" in arguments:
            yield passes(arguments["RoleArn"], "sagemaker.amazonaws.com")

    return rule


def _create_cluster(arguments: Arguments, is_job: bool) -> Found:
    job = ("elasticmapreduce:DescribeCluster", "elasticmapreduce:TerminateJobFlows")
    actions = ("elasticmapreduce:RunJobFlow", *(job if is_job else ()))
    yield Permission(actions, (ANY,), NOT_KNOWN)
    for argument, service in (
        ("ServiceRole", "elasticmapreduce.amazonaws.com"),
        ("JobFlowRole", "ec2.amazonaws.com"),
        ("AutoScalingRole", "application-autoscaling.amazonaws.com"),
    ):
        if argument in arguments:
            yield passes(arguments[argument], service)


def _emr(*actions: str, job: tuple[str, ...] = ()) -> Rule:
    names = tuple(f"elasticmapreduce:{action}" for action in actions)
    more = tuple(f"elasticmapreduce:{action}" for action in job)
    return _simple(names, more, "ClusterId", "elasticmapreduce", "cluster/")


def _virtual_job(arguments: Arguments, is_job: bool) -> Found:
    cluster = arguments.get("VirtualClusterId")
    yield named(("emr-containers:StartJobRun",), cluster, "emr-containers", "/virtualclusters/")
    if is_job:
        actions = ("emr-containers:DescribeJobRun", "emr-containers:CancelJobRun")
        kind = "/virtualclusters/"
        yield named(actions, cluster, "emr-containers", kind, "/jobruns/*")


def _serverless_job(arguments: Arguments, is_job: bool) -> Found:
    application, kind = arguments.get("ApplicationId"), "/applications/"
    yield named(("emr-serverless:StartJobRun",), application, "emr-serverless", kind)
    if is_job:
        actions = ("emr-serverless:GetJobRun", "emr-serverless:CancelJobRun")
        yield named(actions, application, "emr-serverless", kind, "/jobruns/*")
    yield passes(arguments.get("ExecutionRoleArn"), "emr-serverless.amazonaws.com")


def _invoke_model(arguments: Arguments, _: bool) -> Found:
    model = name_in(arguments.get("ModelId"))
    if model is None or model.startswith("arn:"):
        yield named(("bedrock:InvokeModel",), model, "bedrock", "")
    else:
        arn_of = sub(f"arn:${{AWS::Partition}}:bedrock:${{AWS::Region}}::foundation-model/{model}")
        yield Permission(("bedrock:InvokeModel",), (arn_of,))


def _bucket(action: str, argument: str | None = None) -> Rule:
    def rule(arguments: Arguments, _: bool) -> Found:
        bucket = name_in(arguments.get("Bucket"))
        if bucket is None:
            yield Permission((action,), (ANY,), NOT_NAMED)
            return
        key = None if argument is None else name_in(arguments.get(argument)) or ANY
        tail = bucket if key is None else f"{bucket}/{key}"
        yield Permission((action,), (sub(f"arn:${{AWS::Partition}}:s3:::{tail}"),))

    return rule


def _table(action: str) -> Rule:
    return _simple((f"dynamodb:{action}",), (), "TableName", "dynamodb", "table/")


_INVOKE: Final = _simple(
    ("lambda:InvokeFunction",), (), "FunctionName", "lambda", "function:", "", ":*"
)
_TABLE_ACTIONS: Final = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")

_OPTIMIZED: Final[Mapping[tuple[str, str], Rule]] = {
    ("apigateway", "invoke"): _everywhere("execute-api:Invoke"),
    ("athena", "startQueryExecution"): _start_query,
    ("batch", "submitJob"): _everywhere(
        "batch:SubmitJob", job=("batch:DescribeJobs", "batch:TerminateJob")
    ),
    ("bedrock", "invokeModel"): _invoke_model,
    ("codebuild", "startBuild"): _simple(
        ("codebuild:StartBuild",),
        ("codebuild:StopBuild", "codebuild:BatchGetBuilds"),
        "ProjectName",
        "codebuild",
        "project/",
    ),
    ("codebuild", "startBuildBatch"): _simple(
        ("codebuild:StartBuildBatch",),
        ("codebuild:StopBuildBatch", "codebuild:BatchGetBuildBatches"),
        "ProjectName",
        "codebuild",
        "project/",
    ),
    ("databrew", "startJobRun"): _simple(
        ("databrew:StartJobRun",),
        ("databrew:ListJobRuns", "databrew:DescribeJobRun", "databrew:StopJobRun"),
        "Name",
        "databrew",
        "job/",
    ),
    ("ecs", "runTask"): _ecs_run_task,
    ("eks", "call"): _simple(("eks:DescribeCluster",), (), "ClusterName", "eks", "cluster/"),
    ("eks", "runJob"): _simple(("eks:DescribeCluster",), (), "ClusterName", "eks", "cluster/"),
    ("elasticmapreduce", "addStep"): _emr("AddJobFlowSteps", job=("DescribeStep", "CancelSteps")),
    ("elasticmapreduce", "cancelStep"): _emr("CancelSteps"),
    ("elasticmapreduce", "createCluster"): _create_cluster,
    ("elasticmapreduce", "modifyInstanceFleetByName"): _emr(
        "ModifyInstanceFleet", "ListInstanceFleets"
    ),
    ("elasticmapreduce", "modifyInstanceGroupByName"): _emr(
        "ModifyInstanceGroups", "ListInstanceGroups"
    ),
    ("elasticmapreduce", "setClusterTerminationProtection"): _emr("SetTerminationProtection"),
    ("elasticmapreduce", "terminateCluster"): _emr("TerminateJobFlows", job=("DescribeCluster",)),
    ("emr-containers", "startJobRun"): _virtual_job,
    ("emr-serverless", "startJobRun"): _serverless_job,
    ("events", "putEvents"): _put_events,
    ("glue", "startJobRun"): _simple(
        ("glue:StartJobRun",),
        ("glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"),
        "JobName",
        "glue",
        "job/",
    ),
    ("http", "invoke"): _everywhere(
        "states:InvokeHTTPEndpoint", "events:RetrieveConnectionCredentials"
    ),
    ("lambda", "invoke"): _INVOKE,
    ("sagemaker", "createHyperParameterTuningJob"): _sagemaker(
        "hyper-parameter-tuning-job", "HyperParameterTuningJob", "HyperParameterTuningJobName"
    ),
    ("sagemaker", "createLabelingJob"): _sagemaker(
        "labeling-job", "LabelingJob", "LabelingJobName"
    ),
    ("sagemaker", "createProcessingJob"): _sagemaker(
        "processing-job", "ProcessingJob", "ProcessingJobName"
    ),
    ("sagemaker", "createTrainingJob"): _sagemaker(
        "training-job", "TrainingJob", "TrainingJobName"
    ),
    ("sagemaker", "createTransformJob"): _sagemaker(
        "transform-job", "TransformJob", "TransformJobName"
    ),
    ("sqs", "sendMessage"): _send_message,
    ("states", "startExecution"): _start_execution,
    **{("dynamodb", action[:1].lower() + action[1:]): _table(action) for action in _TABLE_ACTIONS},
}

_SDK: Final[Mapping[tuple[str, str], Rule]] = {
    ("lambda", "invoke"): _INVOKE,
    ("s3", "createBucket"): _bucket("s3:CreateBucket"),
    ("s3", "deleteBucket"): _bucket("s3:DeleteBucket"),
    ("s3", "deleteObject"): _bucket("s3:DeleteObject", "Key"),
    ("s3", "deleteObjects"): _bucket("s3:DeleteObject", "Any"),
    ("s3", "getObject"): _bucket("s3:GetObject", "Key"),
    ("s3", "headBucket"): _bucket("s3:ListBucket"),
    ("s3", "headObject"): _bucket("s3:GetObject", "Key"),
    ("s3", "listObjects"): _bucket("s3:ListBucket"),
    ("s3", "listObjectsV2"): _bucket("s3:ListBucket"),
    ("s3", "putObject"): _bucket("s3:PutObject", "Key"),
    **{
        ("dynamodb", action[:1].lower() + action[1:]): _table(action)
        for action in (*_TABLE_ACTIONS, "Query", "Scan", "BatchGetItem", "BatchWriteItem")
    },
}

_FOLLOWED: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("bedrock", "createModelCustomizationJob"): (
        *("GetModelCustomizationJob", "StopModelCustomizationJob"),
    ),
    ("codebuild", "retryBuildBatch"): ("StopBuildBatch", "BatchGetBuildBatches"),
    ("eks", "createCluster"): ("DescribeCluster", "DeleteCluster"),
    ("eks", "createFargateProfile"): ("DescribeFargateProfile", "DeleteFargateProfile"),
    ("eks", "createNodegroup"): ("DescribeNodegroup", "DeleteNodegroup"),
    ("eks", "deleteCluster"): ("DescribeCluster",),
    ("eks", "deleteFargateProfile"): ("DescribeFargateProfile",),
    ("eks", "deleteNodegroup"): ("DescribeNodegroup",),
    ("emr-containers", "deleteVirtualCluster"): ("DescribeVirtualCluster",),
    ("emr-serverless", "cancelJobRun"): ("GetJobRun",),
    ("emr-serverless", "createApplication"): ("GetApplication", "DeleteApplication"),
    ("emr-serverless", "deleteApplication"): ("GetApplication",),
    ("emr-serverless", "startApplication"): ("GetApplication", "StopApplication"),
    ("emr-serverless", "stopApplication"): ("GetApplication",),
    ("mediaconvert", "createJob"): ("GetJob", "CancelJob"),
}
"""What follows and stops a job, of services that have no rule of their own above."""

_RULES: Final[Mapping[tuple[str, str], str]] = {
    ("batch", "submitJob"): "StepFunctionsGetEventsForBatchJobsRule",
    ("codebuild", "startBuild"): "StepFunctionsGetEventForCodeBuildStartBuildRule",
    ("codebuild", "startBuildBatch"): "StepFunctionsGetEventForCodeBuildStartBuildBatchRule",
    ("ecs", "runTask"): "StepFunctionsGetEventsForECSTaskRule",
    ("elasticmapreduce", "addStep"): "StepFunctionsGetEventForEMRAddJobFlowStepsRule",
    ("elasticmapreduce", "createCluster"): "StepFunctionsGetEventForEMRRunJobFlowRule",
    ("elasticmapreduce", "terminateCluster"): "StepFunctionsGetEventForEMRTerminateJobFlowsRule",
    ("emr-serverless", "startJobRun"): "StepFunctionsGetEventsForEMRServerlessJobRule",
    ("mediaconvert", "createJob"): "StepFunctionsGetEventsForMediaConvertJobRule",
    ("sagemaker", "createHyperParameterTuningJob"): (
        "StepFunctionsGetEventsForSageMakerTuningJobsRule"
    ),
    ("sagemaker", "createLabelingJob"): "StepFunctionsGetEventsForSageMakerLabelingJobsRule",
    ("sagemaker", "createProcessingJob"): "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
    ("sagemaker", "createTrainingJob"): "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
    ("sagemaker", "createTransformJob"): "StepFunctionsGetEventsForSageMakerTransformJobsRule",
    ("states", "startExecution"): "StepFunctionsGetEventsForStepFunctionsExecutionRule",
}
"""The rule by which Step Functions learns that a job has ended; the others it polls."""
