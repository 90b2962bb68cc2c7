"""What the role of a state machine must be allowed for service tasks."""

import pytest

from dagy.errors import CompileError
from dagy.services.catalog import OPTIMIZED, SYNC
from dagy.spec import TaskRunSpec, TaskSpec
from dagy_compiler.iam import ANY, NOT_NAMED, Permission, passes, statements
from dagy_compiler.service_policies import permissions
from tests.compiler.flows import output
from tests.compiler.iam_list import is_listed

ACCOUNT = "${AWS::Region}:${AWS::AccountId}"


def allowed(resource, **arguments):
    service = {"kind": "aws", "resource": resource}
    return of(service, arguments)


def of(service, arguments):
    return {
        found.actions: [shown(each) for each in found.resources]
        for found in found_for(service, arguments)
    }


def needed(resource, **arguments):
    return found_for({"kind": "aws", "resource": resource}, arguments)


def found_for(service, arguments):
    task = TaskSpec("call", "x:y", None, "step-functions", 0, None, None, None, service=service)
    run = TaskRunSpec("call", "call", [], [], arguments, None, source="flows.py:3")
    return permissions(task, run)


def shown(resource):
    """An ARN as CloudFormation would make it, its pseudo parameters left in."""
    if isinstance(resource, str):
        return resource
    return resource["Fn::Sub"]


def arn(service, rest):
    return f"arn:${{AWS::Partition}}:{service}:{ACCOUNT}:{rest}"


QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/q"
QUEUE_ARN = "arn:${AWS::Partition}:sqs:eu-west-1:123456789012:q"

RULE = ("events:PutTargets", "events:PutRule", "events:DescribeRule")


def test_a_call_is_allowed_on_what_it_names_and_nothing_else():
    assert allowed("glue:startJobRun", JobName="clean") == {
        ("glue:StartJobRun",): [arn("glue", "job/clean")]
    }
    assert allowed("lambda:invoke", FunctionName="f") == {
        ("lambda:InvokeFunction",): [arn("lambda", "function:f"), arn("lambda", "function:f:*")]
    }
    assert allowed("dynamodb:putItem", TableName="t", Item={}) == {
        ("dynamodb:PutItem",): [arn("dynamodb", "table/t")]
    }
    assert allowed(
        "sns:publish", TopicArn="arn:aws:sns:eu-west-1:1:t", Message="arn:aws:sqs:x"
    ) == {("sns:Publish",): ["arn:aws:sns:eu-west-1:1:t"]}
    assert allowed(
        "sqs:sendMessage", QueueUrl="https://sqs.eu-west-1.amazonaws.com/123456789012/q"
    ) == {("sqs:SendMessage",): ["arn:${AWS::Partition}:sqs:eu-west-1:123456789012:q"]}
    assert allowed("aws-sdk:s3:getObject", Bucket="b", Key="k") == {
        ("s3:GetObject",): ["arn:${AWS::Partition}:s3:::b/k"]
    }
    assert allowed("aws-sdk:s3:listObjectsV2", Bucket="b") == {
        ("s3:ListBucket",): ["arn:${AWS::Partition}:s3:::b"]
    }


def test_waiting_for_a_job_needs_to_see_it_to_stop_it_and_the_rule_that_tells_of_its_end():
    assert allowed("glue:startJobRun.sync", JobName="clean") == {
        ("glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"): [
            arn("glue", "job/clean")
        ]
    }
    assert allowed("ecs:runTask.sync", TaskDefinition="family:3", Cluster="c") == {
        ("ecs:RunTask",): [arn("ecs", "task-definition/family:3")],
        ("ecs:StopTask", "ecs:DescribeTasks"): [arn("ecs", "task/c/*")],
        ("iam:PassRole",): [ANY],
        RULE: [arn("events", "rule/StepFunctionsGetEventsForECSTaskRule")],
    }
    machine = "arn:aws:states:eu-west-1:1:stateMachine:m"
    assert allowed("states:startExecution.sync:2", StateMachineArn=machine) == {
        ("states:StartExecution",): [machine],
        ("states:DescribeExecution", "states:StopExecution"): [
            "arn:aws:states:eu-west-1:1:execution:m:*"
        ],
        RULE: [arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")],
    }
    role = "arn:aws:iam::1:role/r"
    assert allowed("sagemaker:createTrainingJob.sync", TrainingJobName="t", RoleArn=role) == {
        (
            "sagemaker:CreateTrainingJob",
            "sagemaker:AddTags",
            "sagemaker:DescribeTrainingJob",
            "sagemaker:StopTrainingJob",
        ): [arn("sagemaker", "training-job/t")],
        ("sagemaker:ListTags",): [ANY],
        ("iam:PassRole",): [role],
        RULE: [arn("events", "rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule")],
    }


def test_a_query_that_only_reads_may_not_write_tables():
    reads = allowed("athena:startQueryExecution.sync", QueryString="select 1")
    writes = allowed("athena:startQueryExecution.sync", QueryString="create table x as select 1")
    granted = [{action for actions in found for action in actions} for found in (reads, writes)]
    assert "glue:CreateTable" not in granted[0]
    assert granted[1] - granted[0] >= {"glue:CreateTable", "glue:DeletePartition"}
    assert granted[0] >= {"glue:GetTable", "athena:GetQueryExecution", "s3:PutObject"}
    tables = next(on for actions, on in reads.items() if "glue:GetTable" in actions)
    assert tables == [
        arn("glue", kind) for kind in ("catalog", "database/*", "table/*", "userDefinedFunction/*")
    ]


def test_a_query_writes_its_result_where_it_is_told_to_and_nowhere_else():
    told = {"OutputLocation": "s3://results/daily/"}
    found = allowed("athena:startQueryExecution", QueryString="select 1", ResultConfiguration=told)
    wide = ("s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject")
    assert found[wide] == ["arn:${AWS::Partition}:s3:::*"]
    writing = {
        action: on
        for actions, on in found.items()
        for action in actions
        if action in ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads")
    }
    assert writing == {
        "s3:PutObject": ["arn:${AWS::Partition}:s3:::results/daily/*"],
        "s3:AbortMultipartUpload": ["arn:${AWS::Partition}:s3:::results/daily/*"],
        "s3:ListBucketMultipartUploads": ["arn:${AWS::Partition}:s3:::results"],
    }


TABLE = arn("dynamodb", "table/t")


@pytest.mark.parametrize(
    ("operation", "arguments", "expected"),
    [
        ("query", {"TableName": "t"}, {("dynamodb:Query",): [TABLE]}),
        (
            "query",
            {"TableName": "t", "IndexName": "i"},
            {("dynamodb:Query",): [TABLE, f"{TABLE}/index/i"]},
        ),
        (
            "scan",
            {"TableName": "t", "IndexName": output("choose")},
            {("dynamodb:Scan",): [TABLE, f"{TABLE}/index/*"]},
        ),
        (
            "batchGetItem",
            {"RequestItems": {"t": {"Keys": output("keys")}, "u": {}}},
            {("dynamodb:BatchGetItem",): [TABLE, arn("dynamodb", "table/u")]},
        ),
        (
            "batchWriteItem",
            {"RequestItems": output("items")},
            {("dynamodb:BatchWriteItem",): [ANY]},
        ),
        (
            "transactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "t", "Item": {}}},
                    {"ConditionCheck": {"TableName": "u", "Key": {}}},
                    {"Put": {"TableName": "t", "Item": output("item")}},
                ]
            },
            {
                ("dynamodb:PutItem",): [TABLE],
                ("dynamodb:ConditionCheckItem",): [arn("dynamodb", "table/u")],
            },
        ),
        (
            "transactGetItems",
            {"TransactItems": [output("one")]},
            {("dynamodb:GetItem",): [ANY]},
        ),
        (
            "executeStatement",
            {"Statement": 'SELECT * FROM "t"."by-day" WHERE day = ?'},
            {("dynamodb:PartiQLSelect",): [TABLE, f"{TABLE}/index/by-day"]},
        ),
        (
            "executeStatement",
            {"Statement": "insert into t value {'id': 'from here'}"},
            {("dynamodb:PartiQLInsert",): [TABLE]},
        ),
        (
            "batchExecuteStatement",
            {"Statements": [{"Statement": "UPDATE t SET a=1"}, {"Statement": "DELETE FROM t"}]},
            {("dynamodb:PartiQLUpdate",): [TABLE], ("dynamodb:PartiQLDelete",): [TABLE]},
        ),
        (
            "executeTransaction",
            {"TransactStatements": [{"Statement": output("statement")}]},
            {
                (
                    "dynamodb:PartiQLSelect",
                    "dynamodb:PartiQLInsert",
                    "dynamodb:PartiQLUpdate",
                    "dynamodb:PartiQLDelete",
                ): [ANY]
            },
        ),
    ],
)
def test_dynamodb_is_allowed_on_tables_and_indexes(operation, arguments, expected):
    assert allowed(f"aws-sdk:dynamodb:{operation}", **arguments) == expected


OBJECT = "arn:${AWS::Partition}:s3:::b/k"


@pytest.mark.parametrize(
    ("operation", "arguments", "expected"),
    [
        ("listBuckets", {}, {("s3:ListAllMyBuckets",): [ANY]}),
        (
            "putObject",
            {"Bucket": "b", "Key": "k", "Tagging": "a=b"},
            {("s3:PutObject", "s3:PutObjectTagging"): [OBJECT]},
        ),
        (
            "getObject",
            {"Bucket": "b", "Key": "k", "VersionId": output("version")},
            {("s3:GetObjectVersion",): [OBJECT]},
        ),
        (
            "copyObject",
            {"Bucket": "b", "Key": "k", "CopySource": "from/a/file?versionId=1"},
            {
                ("s3:GetObjectVersion", "s3:GetObjectVersionTagging"): [
                    "arn:${AWS::Partition}:s3:::from/a/file"
                ],
                ("s3:PutObject", "s3:PutObjectTagging"): [OBJECT],
            },
        ),
        (
            "copyObject",
            {"Bucket": "b", "Key": output("key"), "CopySource": output("source")},
            {
                ("s3:GetObject", "s3:GetObjectTagging"): [ANY],
                ("s3:PutObject", "s3:PutObjectTagging"): ["arn:${AWS::Partition}:s3:::b/*"],
            },
        ),
        (
            "deleteObjects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}, {"Key": "l"}]}},
            {("s3:DeleteObject",): [OBJECT, "arn:${AWS::Partition}:s3:::b/l"]},
        ),
        (
            "deleteObjects",
            {"Bucket": "b", "Delete": {"Objects": output("objects")}},
            {("s3:DeleteObject",): ["arn:${AWS::Partition}:s3:::b/*"]},
        ),
        (
            "listObjectsV2",
            {"Bucket": output("bucket"), "Prefix": "p"},
            {("s3:ListBucket",): [ANY]},
        ),
        (
            "getObject",
            {"Bucket": "arn:aws:s3:eu-west-1:1:accesspoint/p", "Key": "k"},
            {("s3:GetObject",): ["arn:aws:s3:eu-west-1:1:accesspoint/p/object/k"]},
        ),
    ],
)
def test_s3_is_allowed_on_buckets_and_on_objects(operation, arguments, expected):
    assert allowed(f"aws-sdk:s3:{operation}", **arguments) == expected


def test_a_list_of_objects_is_allowed_below_the_prefix_that_is_named():
    [found] = needed("aws-sdk:s3:listObjectsV2", Bucket="b", Prefix="days/")
    assert found.only == (("s3:prefix", "days/"),)


@pytest.mark.parametrize(
    ("resource", "arguments", "expected"),
    [
        ("sqs:receiveMessage", {"QueueUrl": QUEUE}, {("sqs:ReceiveMessage",): [QUEUE_ARN]}),
        ("sqs:sendMessageBatch", {"QueueUrl": QUEUE}, {("sqs:SendMessage",): [QUEUE_ARN]}),
        (
            "glue:getTable",
            {"DatabaseName": "d", "Name": "t"},
            {
                ("glue:GetTable",): [
                    arn("glue", kind) for kind in ("catalog", "database/d", "table/d/t")
                ]
            },
        ),
        (
            "glue:getPartitions",
            {"DatabaseName": "d", "TableName": output("table")},
            {("glue:GetPartitions",): [ANY]},
        ),
        ("glue:startCrawler", {"Name": "c"}, {("glue:StartCrawler",): [arn("glue", "crawler/c")]}),
        ("glue:startJobRun", {"JobName": "j"}, {("glue:StartJobRun",): [arn("glue", "job/j")]}),
        (
            "secretsmanager:getSecretValue",
            {"SecretId": "s"},
            {("secretsmanager:GetSecretValue",): [arn("secretsmanager", "secret:s-??????")]},
        ),
        (
            "ssm:getParameter",
            {"Name": "/a/b:3"},
            {("ssm:GetParameter",): [arn("ssm", "parameter/a/b")]},
        ),
        (
            "ssm:getParametersByPath",
            {"Path": "/a"},
            {
                ("ssm:GetParametersByPath",): [
                    arn("ssm", "parameter/a"),
                    arn("ssm", "parameter/a/*"),
                ]
            },
        ),
        (
            "cloudwatchlogs:filterLogEvents",
            {"LogGroupName": "/g"},
            {
                ("logs:FilterLogEvents",): [
                    arn("logs", "log-group:/g"),
                    arn("logs", "log-group:/g:*"),
                ]
            },
        ),
        (
            "sfn:startExecution",
            {"StateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:m"},
            {("states:StartExecution",): ["arn:aws:states:eu-west-1:1:stateMachine:m"]},
        ),
        (
            "lambda:getFunction",
            {"FunctionName": "f"},
            {("lambda:GetFunction",): [arn("lambda", "function:f"), arn("lambda", "function:f:*")]},
        ),
        (
            "ec2:stopInstances",
            {"InstanceIds": ["i-1", "i-2"]},
            {("ec2:StopInstances",): [arn("ec2", "instance/i-1"), arn("ec2", "instance/i-2")]},
        ),
        (
            "ecs:updateService",
            {"Cluster": "arn:aws:ecs:eu-west-1:1:cluster/c", "Service": "s"},
            {("ecs:UpdateService",): [arn("ecs", "service/c/s")]},
        ),
        (
            "eventbridge:putTargets",
            {"Rule": "r"},
            {("events:PutTargets",): [arn("events", "rule/r")]},
        ),
        (
            "eventbridge:putEvents",
            {"Entries": [{"EventBusName": "b"}]},
            {("events:PutEvents",): [arn("events", "event-bus/b")]},
        ),
        ("kms:decrypt", {"KeyId": "alias/a"}, {("kms:Decrypt",): [ANY]}),
        ("kms:decrypt", {"KeyId": "k"}, {("kms:Decrypt",): [arn("kms", "key/k")]}),
        (
            "apigateway:getStages",
            {"RestApiId": "a"},
            {
                ("apigateway:GET",): [
                    "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/a",
                    "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/a/*",
                ]
            },
        ),
        (
            "sts:assumeRole",
            {"RoleArn": "arn:aws:iam::1:role/r"},
            {("sts:AssumeRole",): ["arn:aws:iam::1:role/r"]},
        ),
        (
            "sns:publish",
            {"PhoneNumber": "+1", "Message": "arn:aws:sns:x:1:t"},
            {("sns:Publish",): [ANY]},
        ),
        (
            "rdsdata:executeStatement",
            {
                "ResourceArn": "arn:aws:rds:eu-west-1:1:cluster:c",
                "SecretArn": "arn:aws:secretsmanager:eu-west-1:1:secret:s-abcdef",
            },
            {
                ("rds-data:ExecuteStatement",): ["arn:aws:rds:eu-west-1:1:cluster:c"],
                ("secretsmanager:GetSecretValue",): [
                    "arn:aws:secretsmanager:eu-west-1:1:secret:s-abcdef"
                ],
            },
        ),
        (
            "redshiftdata:executeStatement",
            {"ClusterIdentifier": "c", "Database": "d", "DbUser": "u"},
            {
                ("redshift-data:ExecuteStatement",): [arn("redshift", "cluster:c")],
                ("redshift:GetClusterCredentials",): [
                    arn("redshift", "dbname:c/d"),
                    arn("redshift", "dbuser:c/u"),
                ],
            },
        ),
        (
            "redshiftdata:executeStatement",
            {"WorkgroupName": "w", "SecretArn": "s"},
            {
                ("redshift-data:ExecuteStatement",): [ANY],
                ("secretsmanager:GetSecretValue",): [arn("secretsmanager", "secret:s-??????")],
            },
        ),
    ],
)
def test_sdk_calls_are_allowed_on_what_they_name(resource, arguments, expected):
    assert allowed(f"aws-sdk:{resource}", **arguments) == expected


CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.mark.parametrize(
    ("model", "resources"),
    [
        (CLAUDE, [f"arn:${{AWS::Partition}}:bedrock:${{AWS::Region}}::foundation-model/{CLAUDE}"]),
        (
            f"us.{CLAUDE}",
            [
                arn("bedrock", f"inference-profile/us.{CLAUDE}"),
                f"arn:${{AWS::Partition}}:bedrock:*::foundation-model/{CLAUDE}",
            ],
        ),
        (
            f"global.{CLAUDE}",
            [
                arn("bedrock", f"inference-profile/global.{CLAUDE}"),
                f"arn:${{AWS::Partition}}:bedrock:*::foundation-model/{CLAUDE}",
                f"arn:${{AWS::Partition}}:bedrock:::foundation-model/{CLAUDE}",
            ],
        ),
        (
            "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.meta.llama3-2-1b-instruct-v1:0",
            [
                "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.meta.llama3-2-1b-instruct-v1:0",
                "arn:${AWS::Partition}:bedrock:*::foundation-model/meta.llama3-2-1b-instruct-v1:0",
            ],
        ),
        (
            "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x1",
            [
                "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x1",
                "arn:${AWS::Partition}:bedrock:*::foundation-model/*",
            ],
        ),
        (
            "arn:aws:bedrock:eu-west-1:1:provisioned-model/x1",
            ["arn:aws:bedrock:eu-west-1:1:provisioned-model/x1"],
        ),
    ],
)
def test_a_model_called_by_a_profile_is_allowed_wherever_the_profile_may_lead(model, resources):
    assert allowed("bedrock:invokeModel", ModelId=model) == {("bedrock:InvokeModel",): resources}
    converse = allowed("aws-sdk:bedrockruntime:converse", ModelId=model)
    assert converse == {("bedrock:InvokeModel",): resources}


def test_a_model_that_reads_and_writes_files_or_is_guarded_is_allowed_these_too():
    assert allowed(
        "bedrock:invokeModel",
        ModelId="m",
        GuardrailIdentifier="g",
        Input={"S3Uri": "s3://b/in"},
        Output={"S3Uri": output("place")},
    ) == {
        ("bedrock:InvokeModel",): [
            "arn:${AWS::Partition}:bedrock:${AWS::Region}::foundation-model/m"
        ],
        ("bedrock:ApplyGuardrail",): [arn("bedrock", "guardrail/g")],
        ("s3:GetObject",): ["arn:${AWS::Partition}:s3:::b/in"],
        ("s3:PutObject",): [ANY],
    }


def test_an_http_task_is_allowed_its_endpoint_its_connection_and_the_secret_of_that():
    connection = "arn:aws:events:eu-west-1:1:connection/stripe/81210c42"
    asked = {"ApiEndpoint": "https://api.stripe.com/v1/x", "Method": "GET"}
    config = {"ConnectionArn": connection}
    invoke, *rest = needed("http:invoke", **asked, InvocationConfig=config)
    assert invoke.actions == ("states:InvokeHTTPEndpoint",)
    assert invoke.only == (
        ("states:HTTPMethod", "GET"),
        ("states:HTTPEndpoint", "https://api.stripe.com/v1/x"),
    )
    assert {found.actions: [shown(each) for each in found.resources] for found in rest} == {
        ("events:RetrieveConnectionCredentials",): [connection],
        ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"): [
            "arn:${AWS::Partition}:secretsmanager:eu-west-1:1:secret:events!connection/stripe/*"
        ],
    }


def test_an_api_is_called_with_permission_only_where_the_call_is_signed():
    asked = {"ApiEndpoint": "a1.execute-api.eu-west-1.amazonaws.com", "Method": "GET"}
    assert allowed("apigateway:invoke", **asked) == {}
    assert allowed("apigateway:invoke", **asked, Stage="s", Path="/p", AuthType="IAM_ROLE") == {
        ("execute-api:Invoke",): [
            "arn:${AWS::Partition}:execute-api:eu-west-1:${AWS::AccountId}:a1/s/GET/p"
        ]
    }


def test_a_batch_job_is_submitted_to_its_queue_by_its_definition():
    assert allowed("batch:submitJob.sync", JobName="n", JobQueue="q", JobDefinition="d") == {
        ("batch:SubmitJob",): [
            arn("batch", each) for each in ("job-queue/q", "job-definition/d", "job-definition/d:*")
        ],
        ("batch:DescribeJobs",): [ANY],
        ("batch:TerminateJob",): [arn("batch", "job/*")],
        RULE: [arn("events", "rule/StepFunctionsGetEventsForBatchJobsRule")],
    }


def test_applications_of_emr_serverless_are_waited_for_by_a_rule():
    assert allowed("emr-serverless:startApplication.sync", ApplicationId="a") == {
        (
            "emr-serverless:StartApplication",
            "emr-serverless:GetApplication",
            "emr-serverless:StopApplication",
        ): [arn("emr-serverless", "/applications/a")],
        RULE: [arn("events", "rule/StepFunctionsGetEventsForEMRServerlessApplicationRule")],
    }


@pytest.mark.parametrize("later", [output("load"), "x*", "a?", "${Name}", "", None])
def test_what_is_not_named_literally_is_everything_with_the_reason(later):
    service = {"kind": "aws", "resource": "glue:startJobRun"}
    task = TaskSpec("call", "x:y", None, "step-functions", 0, None, None, None, service=service)
    run = TaskRunSpec("call", "call", [], [], {"JobName": later}, None)
    [found] = permissions(task, run)
    assert (found.resources, found.reason) == ((ANY,), NOT_NAMED)


def test_services_without_a_rule_of_their_own_are_allowed_by_the_name_of_the_operation():
    secret = "arn:aws:secretsmanager:eu-west-1:1:secret:s"
    assert allowed("aws-sdk:secretsmanager:getSecretValue", SecretId=secret) == {
        ("secretsmanager:GetSecretValue",): [secret]
    }
    assert allowed("aws-sdk:cloudwatchlogs:describeLogGroups") == {
        ("logs:DescribeLogGroups",): [ANY]
    }
    assert allowed(
        "sagemaker:createModel", ModelName="m", ExecutionRoleArn="arn:aws:iam::1:role/r"
    ) == {
        ("sagemaker:CreateModel",): [arn("sagemaker", "model/m")],
        ("iam:PassRole",): ["arn:aws:iam::1:role/r"],
    }


def test_a_service_that_iam_is_not_known_to_call_anything_is_refused_with_the_way_out():
    with pytest.raises(CompileError) as raised:
        allowed("aws-sdk:codecatalyst:getSpace", Name="s")
    assert str(raised.value) == (
        "task run 'call' (flows.py:3): aws_task 'aws-sdk:codecatalyst:getSpace': its calls are "
        "signed with a token of a user, which Step Functions has not. Make the call in a task of "
        "Python, or give the state machine a role of your own (setting state_machine_role)"
    )


def test_a_version_or_an_alias_is_started_by_whoever_may_start_the_machine():
    machine = "arn:aws:states:eu-west-1:1:stateMachine:m"
    found = allowed("states:startExecution.sync", StateMachineArn=f"{machine}:PROD")
    assert found[("states:StartExecution",)] == [machine]
    assert found[("states:DescribeExecution", "states:StopExecution")] == [
        "arn:aws:states:eu-west-1:1:execution:m:*"
    ]
    for argument in ("StateMachineArn", "StateMachineAliasArn", "StateMachineVersionArn"):
        given = {argument: f"{machine}:1"}
        found = allowed("aws-sdk:sfn:startSyncExecution", **given)
        assert found == {("states:StartSyncExecution",): [machine]}


ROLE = "arn:aws:iam::1:role/r"


def test_what_is_made_in_eks_is_looked_at_and_deleted_and_is_handed_its_role():
    assert allowed("eks:createCluster.sync", Name="c", RoleArn=ROLE) == {
        ("eks:CreateCluster",): [ANY],
        ("iam:PassRole",): [ROLE],
        ("eks:DescribeCluster", "eks:DeleteCluster"): [arn("eks", "cluster/c")],
    }
    made = {"ClusterName": "c", "NodegroupName": "n", "NodeRole": ROLE}
    assert allowed("eks:createNodegroup.sync", **made, Subnets=["s"]) == {
        ("eks:CreateNodegroup",): [arn("eks", "cluster/c")],
        ("iam:PassRole",): [ROLE],
        ("eks:DescribeNodegroup", "eks:DeleteNodegroup"): [arn("eks", "nodegroup/c/n/*")],
        ("ec2:DescribeSubnets",): [ANY],
        ("iam:GetRole", "iam:ListAttachedRolePolicies"): [ROLE],
    }
    assert allowed("eks:deleteFargateProfile.sync", ClusterName="c", FargateProfileName="f") == {
        ("eks:DeleteFargateProfile", "eks:DescribeFargateProfile"): [
            arn("eks", "fargateprofile/c/f/*")
        ]
    }


@pytest.mark.parametrize(
    ("resource", "arguments", "principal"),
    [
        ("aws-sdk:ecs:registerTaskDefinition", {"TaskRoleArn": ROLE}, "ecs-tasks"),
        ("aws-sdk:lambda:createFunction", {"Role": ROLE}, "lambda"),
        ("aws-sdk:sfn:createStateMachine", {"RoleArn": ROLE}, "states"),
        ("aws-sdk:batch:createComputeEnvironment", {"ServiceRole": ROLE}, "batch"),
        ("codebuild:startBuild", {"ProjectName": "p", "ServiceRoleOverride": ROLE}, "codebuild"),
        ("aws-sdk:rds:createDBInstance", {"MonitoringRoleArn": ROLE}, "monitoring.rds"),
        ("aws-sdk:scheduler:createSchedule", {"Target": {"RoleArn": ROLE}}, "scheduler"),
        ("aws-sdk:eventbridge:putTargets", {"Targets": [{"Id": "t", "RoleArn": ROLE}]}, "events"),
    ],
)
def test_a_role_that_an_argument_names_may_be_handed_to_the_service(resource, arguments, principal):
    [passed] = [each for each in needed(resource, **arguments) if "iam:PassRole" in each.actions]
    assert passed.resources == (ROLE,)
    assert passed.only == (("iam:PassedToService", f"{principal}.amazonaws.com"),)


def test_roles_in_what_a_service_only_hands_on_are_not_handed_over():
    given = {"FunctionName": "f", "Payload": {"RoleArn": ROLE}}
    assert not [each for each in needed("lambda:invoke", **given) if "iam:PassRole" in each.actions]


def test_many_objects_are_all_objects_of_the_bucket():
    objects = [{"Key": f"k{number}"} for number in range(1000)]
    assert allowed("aws-sdk:s3:deleteObjects", Bucket="b", Delete={"Objects": objects}) == {
        ("s3:DeleteObject",): ["arn:${AWS::Partition}:s3:::b/*"]
    }


def test_an_approval_may_do_nothing_but_ask():
    approval = {"kind": "approval"}
    assert of(approval, {"message": "?", "topic": "arn:aws:sns:x:1:t"}) == {
        ("sns:Publish",): ["arn:aws:sns:x:1:t"]
    }
    assert of(approval, {"message": "?"}) == {
        ("events:PutEvents",): [arn("events", "event-bus/default")]
    }
    assert of({"kind": "sleep"}, {"seconds": 1}) == {}


def test_what_is_allowed_on_the_same_resources_is_one_statement():
    made = statements(
        [
            Permission(("s3:GetObject",), ("arn",)),
            Permission(("s3:GetObject", "s3:PutObject"), ("arn",)),
            passes(None, "ecs-tasks.amazonaws.com"),
            passes(None, "ecs-tasks.amazonaws.com"),
        ]
    )
    assert [each.model_dump(by_alias=True, exclude_none=True) for each in made] == [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn"]},
        {
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": ["*"],
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        },
    ]


ALL = [
    f"{service}:{action}{ending}"
    for service, actions in OPTIMIZED.items()
    for action, patterns in actions.items()
    for ending in ("", *(f".{pattern}" for pattern in patterns if pattern == SYNC))
]


@pytest.mark.parametrize("resource", ALL)
def test_every_optimized_integration_is_allowed_something_exact(resource):
    for actions, resources in allowed(resource).items():
        assert resources
        assert all(map(is_listed, actions)), actions
