"""What a call of a service takes: its actions, on the resources that its arguments name.

Most calls are in the tables (`iam_actions`, `iam_resources`). Here are the services whose calls
touch several things, each with actions of its own. Sources: the service authorization reference;
"Required permissions for Amazon S3 API operations"; "IAM security policies with PartiQL for
DynamoDB"; "Authorizing access to the Amazon Redshift Data API"; "Authorizing access to RDS Data
API"; "Prerequisites for inference profiles" in the Bedrock user guide; read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from dagy_compiler.iam import ANY, NOT_NAMED, Permission, Resource, name_in, passes
from dagy_compiler.iam_actions import actions_of, prefix_of
from dagy_compiler.iam_resources import resource, resources_of, secret

Arguments = Mapping[str, Any]
Found = Iterator[Permission]

NOT_TOLD_APART: Final = "AWS does not tell resources apart for this action"
NOT_IN_ARGUMENTS: Final = "no argument names it"


def call(service: str, operation: str, arguments: Arguments, *more: str) -> Found:
    """Give what a call takes.

    Args:
        service: as Step Functions spells it.
        operation: of the service, as botocore spells it.
        arguments: as `service_states.known_arguments` gives them.
        more: operations on the same resources that follow it.

    Raises:
        UnknownActionError: it is not known what IAM calls it.
    """
    given = {key.lower(): value for key, value in arguments.items()}
    rule = _RULES.get(service)
    if rule is not None:
        yield from rule(operation, given)
    else:
        yield from _plain(service, (operation, *more), arguments)
    yield from passed_roles(service, arguments)


def passed_roles(service: str, arguments: Arguments) -> Found:
    """Give the permission to hand a service the roles that its arguments name.

    Args:
        service: as Step Functions spells it.
        arguments: as `service_states.known_arguments` gives them.
    """
    if service == "sts":  # a role is taken on there, and handed to nobody
        return
    for name, value in _named_roles(arguments, nested=service in _NESTED_ROLES):
        by_service = _PRINCIPALS.get(service) or f"{prefix_of(service)}.amazonaws.com"
        yield passes(value, _PRINCIPALS_BY_ARGUMENT.get(name.lower()) or by_service)


def _named_roles(arguments: Arguments, *, nested: bool) -> Iterator[tuple[str, Any]]:
    for name, value in arguments.items():
        if re.search("(?i)role(arn|override)?$", name):
            yield name, value
        elif nested:
            for item in value if isinstance(value, list) else [value]:
                yield from _named_roles(item, nested=True) if isinstance(item, dict) else ()


_PRINCIPALS: Final = {"ecs": "ecs-tasks.amazonaws.com"}
"""Who takes on a role that is handed to a service, where it is not the service by its prefix."""

_PRINCIPALS_BY_ARGUMENT: Final = {"monitoringrolearn": "monitoring.rds.amazonaws.com"}

_NESTED_ROLES: Final = frozenset({"eventbridge", "firehose", "scheduler"})
"""Services whose targets have roles, inside of the arguments."""


def on(actions: tuple[str, ...], resources: list[str], reason: str = NOT_NAMED) -> Permission:
    """Return the permission on some resources, or on all where none is named.

    Args:
        actions: exact names.
        resources: ARNs that may lack their partition; see `iam_resources.resource`.
        reason: why it is all.
    """
    found = tuple(dict.fromkeys(resources))
    if not found:
        return Permission(actions, (ANY,), reason)
    return Permission(actions, tuple(map(resource, found)))


def _plain(service: str, operations: tuple[str, ...], arguments: Arguments) -> Found:
    actions = tuple(action for each in operations for action in actions_of(service, each))
    if not actions:
        return
    found: tuple[Resource, ...] = resources_of(
        service, operations[0], prefix_of(service), arguments
    )
    yield Permission(actions, found) if found else Permission(actions, (ANY,), NOT_NAMED)


# S3: an operation may touch a bucket and objects, and a copy has a source.

_WITH_ARGUMENT: Final = {
    "acl": "PutObjectAcl",
    "bypassgovernanceretention": "BypassGovernanceRetention",
    "grantfullcontrol": "PutObjectAcl",
    "grantread": "PutObjectAcl",
    "grantreadacp": "PutObjectAcl",
    "grantwriteacp": "PutObjectAcl",
    "objectlocklegalholdstatus": "PutObjectLegalHold",
    "objectlockmode": "PutObjectRetention",
    "tagging": "PutObjectTagging",
}
"""What more it takes to write or delete an object with an argument."""

_OF_VERSIONS: Final = frozenset(
    (
        *("DeleteObject", "DeleteObjectTagging", "GetObject", "GetObjectAcl"),
        *("GetObjectAttributes", "GetObjectTagging", "PutObjectAcl", "PutObjectTagging"),
    )
)
"""Actions that are others where one version of the object is meant."""

MANY_OBJECTS: Final = 20
"""Objects that a policy names one by one: all policies of a role have 10,240 characters."""

_SOURCE: Final = ("s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion")


def _s3(operation: str, given: Arguments) -> Found:
    actions = list(actions_of("s3", operation))
    if operation == "ListBuckets":
        yield Permission(tuple(actions), (ANY,), NOT_TOLD_APART)
        return
    if re.match("Put|Copy|Create|Delete", operation) and "Object" in operation:
        more = [f"s3:{action}" for key, action in _WITH_ARGUMENT.items() if key in given]
        actions += [action for action in more if action not in actions]
    if "versionid" in given:
        actions = [_of_version(action) for action in actions]
    bucket = name_in(given.get("bucket"))
    source = [action for action in actions if "copysource" in given and action in _SOURCE]
    if source:
        yield _copied(source, given["copysource"])
    rest = [action for action in actions if action not in source]
    on_objects = [action for action in rest if _is_on_objects(action)]
    on_bucket = [action for action in rest if action not in on_objects]
    if on_objects:
        keys = [] if bucket is None else [_object(bucket, key) for key in _keys(given)]
        yield on(tuple(on_objects), keys)
    if on_bucket:
        yield _on_bucket(tuple(on_bucket), bucket, given)


def _on_bucket(actions: tuple[str, ...], bucket: str | None, given: Arguments) -> Permission:
    if bucket is None or bucket.startswith("arn:"):
        return on(actions, [] if bucket is None else [bucket])
    own = "s3express:HERE:bucket/" if actions[0].startswith("s3express:") else "s3:::"
    prefix = name_in(given.get("prefix"))
    listed = actions in (("s3:ListBucket",), ("s3:ListBucketVersions",)) and prefix is not None
    only = (("s3:prefix", str(prefix)),) if listed else ()
    return Permission(actions, (resource(own + bucket),), None, only)


def _is_on_objects(action: str) -> bool:
    name = action.removeprefix("s3:")
    if name in ("AbortMultipartUpload", "BypassGovernanceRetention", "ListMultipartUploadParts"):
        return True
    return action.startswith("s3:") and "Object" in name and "BucketObject" not in name


def _of_version(action: str) -> str:
    name = action.removeprefix("s3:")
    return f"s3:{name.replace('Object', 'ObjectVersion', 1)}" if name in _OF_VERSIONS else action


def _object(bucket: str, key: str) -> str:
    # An access point has its objects below "object".
    return f"{bucket}/object/{key}" if bucket.startswith("arn:") else f"s3:::{bucket}/{key}"


def _keys(given: Arguments) -> list[str]:
    """Return the keys of the objects that are meant; all, where that is not known, or too many."""
    deleted = given.get("delete")
    objects = deleted.get("Objects") if isinstance(deleted, dict) else None
    if isinstance(objects, list) and all(isinstance(each, dict) for each in objects):
        found = [name_in(each.get("Key")) for each in objects]
    else:
        found = [name_in(given.get("key"))]
    known = [key for key in found if key is not None]
    return known if len(known) == len(found) and 0 < len(known) <= MANY_OBJECTS else ["*"]


def _copied(actions: list[str], source: Any) -> Permission:
    """Return the permission to read what is copied, of `bucket/key?versionId=...`."""
    whole = source.lstrip("/") if isinstance(source, str) else ""
    path, _, version = whole.partition("?versionId=")
    if version:
        actions = [_of_version(action) for action in actions]
    bucket, _, key = (name_in(path) or "").partition("/")
    return on(tuple(actions), [f"s3:::{bucket}/{key}"] if bucket and key else [])


# DynamoDB: tables, their indexes, and statements.

_NAME: Final = r"""(?: "([^"]+)" | ([\w-]+) )"""
_STATEMENT: Final = re.compile(
    rf"""(?isx) \s* (?: (SELECT) \b .*? \b FROM | (INSERT) \s+ INTO | (UPDATE) | (DELETE) \s+ FROM )
    \s+ {_NAME} (?: \. {_NAME} )? (?: \s .* )?"""
)
_TRANSACTED: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


def _dynamodb(operation: str, given: Arguments) -> Found:
    actions = actions_of("dynamodb", operation)
    if operation in ("BatchGetItem", "BatchWriteItem"):
        asked = given.get("requestitems")
        yield on(actions, _tables(list(asked) if isinstance(asked, dict) else []))
    elif operation in ("TransactGetItems", "TransactWriteItems"):
        yield from _transacted(actions, given.get("transactitems"))
    elif operation in ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"):
        yield from _statements(actions, given)
    elif operation in ("Query", "Scan") and "indexname" in given:
        table = _tables([given.get("tablename")])
        index = name_in(given["indexname"]) or "*"
        yield on(actions, [*table, *(f"{each}/index/{index}" for each in table)])
    else:
        yield from _plain("dynamodb", (operation,), given)


def _tables(names: list[Any]) -> list[str]:
    """Return the ARNs of tables, by name or ARN; none, where one is not named."""
    found = [name_in(name) for name in names]
    arns = [
        name if name.startswith("arn:") else f"dynamodb:HERE:table/{name}" for name in found if name
    ]
    return arns if len(arns) == len(names) else []


def _transacted(actions: tuple[str, ...], items: Any) -> Found:
    tables: dict[str, list[Any]] = {}
    for item in items if isinstance(items, list) else []:
        for kind, asked in item.items() if isinstance(item, dict) else ():
            named = asked.get("TableName") if isinstance(asked, dict) else None
            tables.setdefault(_TRANSACTED.get(kind, ""), []).append(named)
    if not tables or "" in tables:
        yield Permission(actions, (ANY,), NOT_NAMED)
        return
    for action, names in tables.items():
        yield on((f"dynamodb:{action}",), _tables(names))


def _statements(actions: tuple[str, ...], given: Arguments) -> Found:
    several = given.get("statements", given.get("transactstatements"))
    items = several if isinstance(several, list) else [{"Statement": given.get("statement")}]
    found = [_partiql(each.get("Statement") if isinstance(each, dict) else None) for each in items]
    known = [each for each in dict.fromkeys(found) if each is not None]
    if len(known) < len(dict.fromkeys(found)):
        yield Permission(actions, (ANY,), NOT_NAMED)
        return
    for action, table, index in known:
        arns = _tables([table])
        yield on((action,), [*arns, *(f"{arn}/index/{index}" for arn in arns if index)])


def _partiql(text: Any) -> tuple[str, str, str] | None:
    """Return the action, the table and the index of a statement, if they can be told."""
    found = _STATEMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    *verbs, table, bare_table, index, bare_index = found.groups()
    verb = next(word for word in verbs if word)
    return f"dynamodb:PartiQL{verb.capitalize()}", table or bare_table, index or bare_index or ""


# Databases by their Data APIs: Step Functions shows a secret, or credentials are made for it.


def _rds_data(operation: str, given: Arguments) -> Found:
    yield from _plain("rdsdata", (operation,), given)
    secrets = [key for key in ("secretarn", "awssecretstorearn") if key in given]
    for key in secrets:
        yield _read_secret(given[key])


def _redshift_data(operation: str, given: Arguments) -> Found:
    actions = actions_of("redshiftdata", operation)
    if "clusteridentifier" in given:
        yield from _plain("redshiftdata", (operation,), given)
    else:
        # A workgroup's ARN has an id that nothing in the arguments tells.
        yield Permission(actions, (ANY,), NOT_IN_ARGUMENTS)
    if "secretarn" in given:
        yield _read_secret(given["secretarn"])
    elif "clusteridentifier" in given:
        cluster, database = (name_in(given.get(key)) for key in ("clusteridentifier", "database"))
        names = [f"redshift:HERE:dbname:{cluster or '*'}/{database or '*'}"]
        action = "redshift:GetClusterCredentialsWithIAM"
        if "dbuser" in given:
            user = name_in(given["dbuser"]) or "*"
            names.append(f"redshift:HERE:dbuser:{cluster or '*'}/{user}")
            action = "redshift:GetClusterCredentials"
        yield on((action,), names)
    elif "workgroupname" in given:
        yield on(("redshift-serverless:GetCredentials",), ["redshift-serverless:HERE:workgroup/*"])


def _read_secret(value: Any) -> Permission:
    arn = secret(name_in(value))
    return on(("secretsmanager:GetSecretValue",), [] if arn is None else [arn])


# Bedrock: a model, or a profile that stands for models in several regions.

_GEOGRAPHIES: Final = re.compile(r"(af|apac|au|ca|eu|global|il|in|jp|me|mx|sa|uk|us|us-gov)\.(.+)")
"""What the id of an inference profile begins with; none is the name of a provider of models."""


def models(value: Any) -> list[str]:
    """Return the ARNs of the models that an id or an ARN stands for; none, where it is unknown.

    Whoever calls a model by an inference profile must be allowed to use the profile, and the model
    in every region that the profile may choose.
    """
    name = name_in(value)
    if name is None:
        return []
    if name.startswith("arn:"):
        own, _, model = name.rpartition("/")
        if own.endswith(":application-inference-profile"):
            return [name, "bedrock:*::foundation-model/*"]
        geography = _GEOGRAPHIES.fullmatch(model) if own.endswith(":inference-profile") else None
        return [name, *(_everywhere(*geography.groups()) if geography else ())]
    geography = _GEOGRAPHIES.fullmatch(name)
    if geography is None:
        return [f"bedrock:${{AWS::Region}}::foundation-model/{name}"]
    return [f"bedrock:HERE:inference-profile/{name}", *_everywhere(*geography.groups())]


def _everywhere(geography: str, model: str) -> list[str]:
    regional = f"bedrock:*::foundation-model/{model}"
    return (
        [regional, f"bedrock:::foundation-model/{model}"] if geography == "global" else [regional]
    )


def guardrail(value: Any) -> Permission:
    """Return the permission to have a guardrail look at what a model is given, and answers."""
    name = name_in(value)
    if name is None or name.startswith("arn:"):
        return on(("bedrock:ApplyGuardrail",), [] if name is None else [name])
    return on(("bedrock:ApplyGuardrail",), [f"bedrock:HERE:guardrail/{name}"])


def _bedrock_runtime(operation: str, given: Arguments) -> Found:
    if "modelid" not in given:
        yield from _plain("bedrockruntime", (operation,), given)
        return
    yield on(actions_of("bedrockruntime", operation), models(given["modelid"]))
    config = given.get("guardrailconfig")
    named = config.get("GuardrailIdentifier") if isinstance(config, dict) else None
    if config is not None or "guardrailidentifier" in given:
        yield guardrail(given.get("guardrailidentifier", named))


# API Gateway: paths of its own, without an account.

_APIS: Final = {
    "apiid": "/apis/{}",
    "domainname": "/domainnames/{}",
    "restapiid": "/restapis/{}",
    "usageplanid": "/usageplans/{}",
    "vpclinkid": "/vpclinks/{}",
}


def _api_gateway(service: str) -> Callable[[str, Arguments], Found]:
    def rule(operation: str, given: Arguments) -> Found:
        actions = actions_of(service, operation)
        by_method = actions[0].partition(":")[2].isupper()
        for key, path in _APIS.items():
            name = name_in(given.get(key))
            if name is not None and by_method:
                below = f"apigateway:${{AWS::Region}}::{path.format(name)}"
                yield on(actions, [below, f"{below}/*"])
                return
        yield on(actions, [], NOT_NAMED)

    return rule


_RULES: Final[Mapping[str, Callable[[str, Arguments], Found]]] = {
    "apigateway": _api_gateway("apigateway"),
    "apigatewayv2": _api_gateway("apigatewayv2"),
    "bedrockruntime": _bedrock_runtime,
    "dynamodb": _dynamodb,
    "rdsdata": _rds_data,
    "redshiftdata": _redshift_data,
    "s3": _s3,
}
