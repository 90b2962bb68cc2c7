"""What IAM calls what service tasks do, against botocore's models and cfn-lint's list of actions."""

from functools import cache

import pytest
from botocore.loaders import Loader

from dagy.services.catalog import BOTO_NAMES
from dagy_compiler.iam_actions import (
    NONE_NEEDED,
    NOT_CALLED,
    UnknownActionError,
    actions_of,
    other_actions,
)
from tests.compiler.iam_list import is_listed

RETIRED = {"qldbsession"}
"""Services that Step Functions lists, and botocore has no more."""

UNKNOWN = {"abusesignal", "agentdiscovery", "apiportal", "continuum", "opensearchmemory"}
"""Services of botocore that the list has under no prefix."""


@cache
def operations():
    """Every operation of every service: its method and path, by the service as a flow spells it."""
    loader = Loader()
    found = {}
    for name in loader.list_available_services("service-2"):
        service = BOTO_NAMES.get(name, name.replace("-", ""))
        model = loader.load_service_model(name, "service-2")
        found.setdefault(service, {}).update(model["operations"])
    return found


def called():
    """Every service and operation that a state machine can call."""
    return [
        (service, operation)
        for service, known in operations().items()
        if service not in NOT_CALLED and service not in UNKNOWN
        for operation in known
    ]


def test_nearly_every_operation_needs_actions_that_the_list_has():
    """AWS adds operations before the list has them; those follow the name of the operation."""
    unlisted = {}
    for service, operation in called():
        actions = actions_of(service, operation)
        assert actions or service in NONE_NEEDED
        if not all(map(is_listed, actions)):
            assert [action.partition(":")[2] for action in actions] == [operation], actions
            unlisted.setdefault(service, []).append(operation)
    assert sum(map(len, unlisted.values())) < 0.05 * len(called()), unlisted


@pytest.mark.parametrize(
    "service",
    [
        *("apigateway", "budgets", "cloudcontrol", "databasemigration", "dynamodb", "eventbridge"),
        *("iotdataplane", "keyspaces", "kms", "lambda", "rdsdata", "redshiftdata", "s3"),
        *("s3control", "sfn", "sns", "sqs", "ssm", "timestreamquery", "timestreamwrite"),
    ],
)
def test_services_whose_actions_have_names_of_their_own_are_known_to_a_few_operations(service):
    known = operations()[service]
    unlisted = [each for each in known if not all(map(is_listed, actions_of(service, each)))]
    assert len(unlisted) <= 0.08 * len(known), unlisted


def test_the_table_has_no_operation_that_there_is_not():
    for service, operation in other_actions():
        assert service in RETIRED or operation in operations()[service], (service, operation)


@pytest.mark.parametrize("service", ["apigateway", "apigatewayv2"])
def test_api_gateway_allows_the_method_by_which_an_operation_is_called(service):
    by_method = {
        operation: action.removeprefix("apigateway:")
        for operation in operations()[service]
        for action in actions_of(service, operation)
        if action.removeprefix("apigateway:").isupper()
    }
    assert len(by_method) > 60
    for operation, method in by_method.items():
        assert method == operations()[service][operation]["http"]["method"], operation


@pytest.mark.parametrize(
    ("service", "operation", "actions"),
    [
        ("s3", "CopyObject", "s3:GetObject s3:GetObjectTagging s3:PutObject s3:PutObjectTagging"),
        ("s3", "ListBuckets", "s3:ListAllMyBuckets"),
        ("s3", "ListObjectVersions", "s3:ListBucketVersions"),
        ("s3", "CreateMultipartUpload", "s3:PutObject"),
        ("s3", "HeadObject", "s3:GetObject"),
        ("s3", "PutObject", "s3:PutObject"),
        ("dynamodb", "TransactGetItems", "dynamodb:GetItem"),
        ("bedrockruntime", "Converse", "bedrock:InvokeModel"),
        ("apigateway", "GetRestApis", "apigateway:GET"),
        ("apigatewayv2", "CreatePortal", "apigateway:CreatePortal"),
        ("lambda", "Invoke", "lambda:InvokeFunction"),
        ("sqs", "SendMessageBatch", "sqs:SendMessage"),
        ("sns", "PublishBatch", "sns:Publish"),
        ("kms", "ReEncrypt", "kms:ReEncryptFrom kms:ReEncryptTo"),
        ("cloudcontrol", "CreateResource", "cloudformation:CreateResource"),
        ("sfn", "StartSyncExecution", "states:StartSyncExecution"),
        ("emr-containers", "StartJobRun", "emr-containers:StartJobRun"),
        ("emrserverless", "StartJobRun", "emr-serverless:StartJobRun"),
        ("sts", "GetCallerIdentity", ""),
        ("connectparticipant", "SendMessage", ""),
    ],
)
def test_actions_as_the_service_authorization_reference_has_them(service, operation, actions):
    assert actions_of(service, operation) == tuple(actions.split())


@pytest.mark.parametrize("service", [*NOT_CALLED, *sorted(UNKNOWN), "newservice"])
def test_what_nobody_knows_is_refused_with_what_to_do(service):
    with pytest.raises(UnknownActionError, match="setting state_machine_role"):
        actions_of(service, "GetThing")
