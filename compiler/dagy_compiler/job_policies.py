"""What optimized integrations take that start a job, or do more than one call of the service.

The actions, and the extra ones of `.sync`, are those of the policies in the Step Functions
developer guide, page "IAM policies for integrated services" and the page of each service ("IAM
policies for calling ..."; 2023-06 and later, read 2026-11). A resource that the arguments name
literally is the only one allowed; where they do not, or where AWS cannot tell resources apart, it
is `*`, with the reason beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from dagy_compiler.call_policies import (
    NOT_TOLD_APART,
    Arguments,
    Found,
    call,
    guardrail,
    models,
    on,
    passed_roles,
)
from dagy_compiler.iam import ANY, NOT_NAMED, Permission, arn, name_in, named, passes
from dagy_compiler.iam_resources import machine, resource

Rule = Callable[[Arguments, bool], Found]
"""Gives the permissions for the arguments of a call, and for the job that it waits for."""

NOT_KNOWN: Final = "it has no name before it is started"


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
        yield from passed_roles(service, arguments)

    return rule


def _ecs_run_task(arguments: Arguments, is_job: bool) -> Found:
    definition = name_in(arguments.get("TaskDefinition"))
    has_revision = definition is not None and re.search(r":\d+$", definition) is not None
    ending = "" if has_revision else ":*"
    yield named(
        ("ecs:RunTask",), arguments.get("TaskDefinition"), "ecs", "task-definition/", ending
    )
    tasks = _tasks_of(arguments.get("Cluster", "default"))
    if is_job:
        yield on(("ecs:StopTask", "ecs:DescribeTasks"), tasks)
    if arguments.keys() & {"Tags", "PropagateTags", "EnableECSManagedTags"}:
        yield on(("ecs:TagResource",), tasks)
    only = (("iam:PassedToService", "ecs-tasks.amazonaws.com"),)
    yield Permission(("iam:PassRole",), (ANY,), "the task definition names the roles", only)


def _tasks_of(cluster: Any) -> list[str]:
    """Return the ARN of all tasks of a cluster: a task has no name before it is started."""
    name = name_in(cluster)
    if name is None:
        return []
    if name.startswith("arn:"):
        return [f"{name.replace(':cluster/', ':task/', 1)}/*"]
    return [f"ecs:HERE:task/{name}/*"]


def _start_execution(arguments: Arguments, is_job: bool) -> Found:
    started = machine(name_in(arguments.get("StateMachineArn")))
    yield named(("states:StartExecution",), started, "states", "stateMachine:")
    if is_job:
        actions = ("states:DescribeExecution", "states:StopExecution")
        executions = started and f"{started.replace(':stateMachine:', ':execution:', 1)}:*"
        yield on(actions, [executions] if executions else [])


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
_READ_BUCKETS: Final = ("s3:GetBucketLocation", "s3:ListBucket")
_WRITE_BUCKETS: Final = (*_READ_BUCKETS, "s3:ListBucketMultipartUploads")
_READ_FILES: Final = ("s3:GetObject",)
_WRITE_FILES: Final = (
    *_READ_FILES,
    *("s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"),
)
_TABLES: Final = [
    f"glue:HERE:{kind}" for kind in ("catalog", "database/*", "table/*", "userDefinedFunction/*")
]


def _start_query(arguments: Arguments, is_job: bool) -> Found:
    group = arguments.get("WorkGroup", "primary")
    job = ("athena:StopQueryExecution", "athena:GetQueryExecution") if is_job else ()
    yield named(("athena:StartQueryExecution", *job), group, "athena", "workgroup/")
    yield Permission(("athena:GetDataCatalog",), (arn("athena", "datacatalog/", "*"),))
    query = arguments.get("QueryString")
    reads = isinstance(query, str) and re.match(r"(?i)\s*(select|with|show|describe)\b", query)
    yield on(_READ_TABLES if reads else (*_READ_TABLES, *_WRITE_TABLES), _TABLES)
    yield Permission(("lakeformation:GetDataAccess",), (ANY,), NOT_TOLD_APART)
    bucket, files = _result_of(arguments.get("ResultConfiguration"))
    if bucket is None or not reads:
        # The query, or the workgroup, says where it writes.
        yield on((*_WRITE_BUCKETS, *_WRITE_FILES), ["s3:::*"])
        return
    yield on((*_READ_BUCKETS, *_READ_FILES), ["s3:::*"])
    yield on(_WRITE_BUCKETS, [bucket])
    yield on(_WRITE_FILES, [files])


def _result_of(configuration: Any) -> tuple[str | None, str]:
    """Return the bucket that the result of a query is written to, and the objects there."""
    location = configuration.get("OutputLocation") if isinstance(configuration, dict) else None
    found = re.fullmatch(r"s3://([^/]+)/?(.*?)/?", name_in(location) or "")
    if found is None:
        return None, ""
    bucket, path = found.groups()
    return f"s3:::{bucket}", f"s3:::{bucket}/{path + '/' if path else ''}*"


def _query_results(arguments: Arguments, _: bool) -> Found:
    yield from call("athena", "GetQueryResults", arguments)
    yield on(_READ_FILES, ["s3:::*"])


def _sagemaker(kind: str, operation: str, argument: str) -> Rule:
    def rule(arguments: Arguments, is_job: bool) -> Found:
        own = (f"sagemaker:Create{operation}", "sagemaker:AddTags")
        more = (f"sagemaker:Describe{operation}", f"sagemaker:Stop{operation}")
        actions = (*own, *more) if is_job else own
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


def _serverless(*actions: str, kind: str = "", job: tuple[str, ...] = ()) -> Rule:
    """A call of an application, or of one of its runs; it may have no name yet."""

    def rule(arguments: Arguments, is_job: bool) -> Found:
        application = name_in(arguments.get("ApplicationId"))
        run = name_in(arguments.get("JobRunId")) or "*"
        needed = tuple(f"emr-serverless:{each}" for each in (*actions, *(job if is_job else ())))
        below = f"/applications/{application or '*'}{kind}".replace("RUN", run)
        yield on(needed, [f"emr-serverless:HERE:{below}"])

    return rule


def _create_application(_: Arguments, is_job: bool) -> Found:
    yield Permission(("emr-serverless:CreateApplication",), (ANY,), NOT_TOLD_APART)
    if is_job:
        actions = ("emr-serverless:GetApplication", "emr-serverless:DeleteApplication")
        yield on(actions, ["emr-serverless:HERE:/applications/*"])
    service = "ops.emr-serverless.amazonaws.com"
    role = f"iam::ACCOUNT:role/aws-service-role/{service}/AWSServiceRoleForAmazonEMRServerless"
    only = (("iam:AWSServiceName", service),)
    yield Permission(("iam:CreateServiceLinkedRole",), (resource(role),), None, only)


def _make_in_eks(what: str) -> Rule:
    """Something is made, and while it is waited for, it is looked at and, at worst, deleted."""

    def rule(arguments: Arguments, is_job: bool) -> Found:
        yield from call("eks", f"Create{what}", arguments)
        if is_job:
            names = {key: value for key, value in arguments.items() if key.endswith("Name")}
            yield from call("eks", f"Describe{what}", names, f"Delete{what}")

    return rule


def _make_nodegroup(arguments: Arguments, is_job: bool) -> Found:
    yield from _make_in_eks("Nodegroup")(arguments, is_job)
    yield Permission(("ec2:DescribeSubnets",), (ANY,), NOT_TOLD_APART)
    passed = passes(arguments.get("NodeRole"), "eks.amazonaws.com")
    looks = ("iam:GetRole", "iam:ListAttachedRolePolicies")
    yield Permission(looks, passed.resources, passed.reason)


def _invoke_model(arguments: Arguments, _: bool) -> Found:
    yield on(("bedrock:InvokeModel",), models(arguments.get("ModelId")))
    if "GuardrailIdentifier" in arguments:
        yield guardrail(arguments["GuardrailIdentifier"])
    for argument, action in (("Input", "s3:GetObject"), ("Output", "s3:PutObject")):
        if argument in arguments:
            place = arguments[argument]
            uri = name_in(place.get("S3Uri")) if isinstance(place, dict) else None
            found = re.fullmatch("s3://(.+)", uri or "")
            yield on((action,), [f"s3:::{found[1]}"] if found else [])


def _customize_model(arguments: Arguments, is_job: bool) -> Found:
    base = name_in(arguments.get("BaseModelIdentifier"))
    jobs = "bedrock:HERE:model-customization-job/*"
    models_of_it = models(base) if base else ["bedrock:${AWS::Region}::foundation-model/*"]
    own = [*models_of_it, "bedrock:HERE:custom-model/*", jobs]
    yield on(("bedrock:CreateModelCustomizationJob",), own)
    if is_job:
        actions = ("bedrock:GetModelCustomizationJob", "bedrock:StopModelCustomizationJob")
        yield on(actions, [jobs])
    yield passes(arguments.get("RoleArn"), "bedrock.amazonaws.com")


def _submit_job(arguments: Arguments, is_job: bool) -> Found:
    queue, definition = (name_in(arguments.get(key)) for key in ("JobQueue", "JobDefinition"))
    if queue is None or definition is None:
        yield Permission(("batch:SubmitJob",), (ANY,), NOT_NAMED)
    else:
        queue = queue if queue.startswith("arn:") else f"batch:HERE:job-queue/{queue}"
        if not definition.startswith("arn:"):
            definition = f"batch:HERE:job-definition/{definition}"
        any_revision = [] if re.search(r":\d+$", definition) else [f"{definition}:*"]
        yield on(("batch:SubmitJob",), [queue, definition, *any_revision])
    if is_job:
        yield Permission(("batch:DescribeJobs",), (ANY,), NOT_TOLD_APART)
        yield on(("batch:TerminateJob",), ["batch:HERE:job/*"])


def _create_media_job(arguments: Arguments, is_job: bool) -> Found:
    kinds = ("queues", "jobTemplates", "presets")
    yield on(("mediaconvert:CreateJob",), [f"mediaconvert:HERE:{kind}/*" for kind in kinds])
    yield passes(arguments.get("Role"), "mediaconvert.amazonaws.com")
    if is_job:
        only = (("aws:ResourceTag/ManagedByService", "AWSStepFunctions"),)
        jobs = resource("mediaconvert:HERE:jobs/*")
        yield Permission(("mediaconvert:GetJob", "mediaconvert:CancelJob"), (jobs,), None, only)


def _invoke_api(arguments: Arguments, _: bool) -> Found:
    if arguments.get("AuthType", "NO_AUTH") == "NO_AUTH":
        return
    host = name_in(arguments.get("ApiEndpoint")) or ""
    found = re.match(r"(?:https://)?([a-z0-9]+)\.execute-api\.([\w-]+)\.", host)
    api, region = found.groups() if found else ("*", "${AWS::Region}")
    stage, method = (
        name_in(value) or "*"
        for value in (arguments.get("Stage", "$default"), arguments.get("Method"))
    )
    path = (name_in(arguments["Path"]) or "*").lstrip("/") if "Path" in arguments else ""
    resource_path = f"{api}/{stage}/{method}/{path}"
    yield on(("execute-api:Invoke",), [f"execute-api:{region}:${{AWS::AccountId}}:{resource_path}"])


def _invoke_endpoint(arguments: Arguments, _: bool) -> Found:
    keys = (("Method", "states:HTTPMethod"), ("ApiEndpoint", "states:HTTPEndpoint"))
    known = ((key, name_in(arguments.get(argument))) for argument, key in keys)
    only = tuple((key, value) for key, value in known if value is not None)
    # The machine itself; its role cannot name it, for it is made from the role.
    machines = resource("states:HERE:stateMachine:*")
    yield Permission(("states:InvokeHTTPEndpoint",), (machines,), None, only)
    config = arguments.get("InvocationConfig", arguments.get("Authentication"))
    connection = name_in(config.get("ConnectionArn")) if isinstance(config, dict) else None
    found = re.fullmatch(
        r"arn:[\w-]+:events:([\w-]+:\d+):connection/([^/]+)(/.*)?", connection or ""
    )
    if found is None:
        connection, where_it_is, name = "events:HERE:connection/*", "HERE", "*"
    else:
        where_it_is, name = found[1], f"{found[2]}/*"
    yield on(("events:RetrieveConnectionCredentials",), [connection or ""])
    secrets = f"secretsmanager:{where_it_is}:secret:events!connection/{name}"
    yield on(("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"), [secrets])


OPTIMIZED_RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("apigateway", "invoke"): _invoke_api,
    ("athena", "getQueryResults"): _query_results,
    ("athena", "startQueryExecution"): _start_query,
    ("batch", "submitJob"): _submit_job,
    ("bedrock", "createModelCustomizationJob"): _customize_model,
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
    ("eks", "createCluster"): _make_in_eks("Cluster"),
    ("eks", "createFargateProfile"): _make_in_eks("FargateProfile"),
    ("eks", "createNodegroup"): _make_nodegroup,
    ("elasticmapreduce", "addStep"): _emr("AddJobFlowSteps", job=("DescribeStep", "CancelSteps")),
    ("elasticmapreduce", "cancelStep"): _emr("CancelSteps"),
    ("elasticmapreduce", "createCluster"): _create_cluster,
    ("elasticmapreduce", "modifyInstanceFleetByName"): _emr(
        "ModifyInstanceFleet", "ListInstanceFleets"
    ),
    ("elasticmapreduce", "modifyInstanceGroupByName"): _emr(
        "ModifyInstanceGroups", "ListInstanceGroups"
    ),
    ("elasticmapreduce", "runJobFlow"): _create_cluster,
    ("elasticmapreduce", "setClusterTerminationProtection"): _emr("SetTerminationProtection"),
    ("elasticmapreduce", "terminateCluster"): _emr("TerminateJobFlows", job=("DescribeCluster",)),
    ("emr-containers", "startJobRun"): _virtual_job,
    ("emr-serverless", "cancelJobRun"): _serverless(
        "CancelJobRun", kind="/jobruns/RUN", job=("GetJobRun",)
    ),
    ("emr-serverless", "createApplication"): _create_application,
    ("emr-serverless", "deleteApplication"): _serverless(
        "DeleteApplication", job=("GetApplication",)
    ),
    ("emr-serverless", "startApplication"): _serverless(
        "StartApplication", job=("GetApplication", "StopApplication")
    ),
    ("emr-serverless", "startJobRun"): _serverless_job,
    ("emr-serverless", "stopApplication"): _serverless("StopApplication", job=("GetApplication",)),
    ("events", "putEvents"): _put_events,
    ("glue", "startJobRun"): _simple(
        ("glue:StartJobRun",),
        ("glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"),
        "JobName",
        "glue",
        "job/",
    ),
    ("http", "invoke"): _invoke_endpoint,
    ("mediaconvert", "createJob"): _create_media_job,
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
    ("states", "startExecution"): _start_execution,
}

FOLLOWED: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("codebuild", "retryBuildBatch"): ("StopBuildBatch", "BatchGetBuildBatches"),
    ("eks", "deleteCluster"): ("DescribeCluster",),
    ("eks", "deleteFargateProfile"): ("DescribeFargateProfile",),
    ("eks", "deleteNodegroup"): ("DescribeNodegroup",),
    ("emr-containers", "deleteVirtualCluster"): ("DescribeVirtualCluster",),
}
"""What follows and stops a job, of services that have no rule of their own above."""

JOB_EVENTS: Final[Mapping[tuple[str, str], str]] = {
    ("batch", "submitJob"): "StepFunctionsGetEventsForBatchJobsRule",
    ("codebuild", "startBuild"): "StepFunctionsGetEventForCodeBuildStartBuildRule",
    ("codebuild", "startBuildBatch"): "StepFunctionsGetEventForCodeBuildStartBuildBatchRule",
    ("ecs", "runTask"): "StepFunctionsGetEventsForECSTaskRule",
    ("elasticmapreduce", "addStep"): "StepFunctionsGetEventForEMRAddJobFlowStepsRule",
    ("elasticmapreduce", "createCluster"): "StepFunctionsGetEventForEMRRunJobFlowRule",
    ("elasticmapreduce", "terminateCluster"): "StepFunctionsGetEventForEMRTerminateJobFlowsRule",
    ("emr-serverless", "cancelJobRun"): "StepFunctionsGetEventsForEMRServerlessJobRule",
    **dict.fromkeys(
        (
            ("emr-serverless", "createApplication"),
            ("emr-serverless", "deleteApplication"),
            ("emr-serverless", "startApplication"),
            ("emr-serverless", "stopApplication"),
        ),
        "StepFunctionsGetEventsForEMRServerlessApplicationRule",
    ),
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
