"""What service tasks are allowed their actions on, against the resources that IAM knows for these."""

import re

from botocore.loaders import Loader
from botocore.model import ServiceModel

from dagy.services.catalog import BOTO_NAMES
from dagy.spec import TaskRunSpec, TaskSpec
from dagy_compiler.iam import ANY
from dagy_compiler.iam_actions import NOT_CALLED
from dagy_compiler.service_policies import permissions
from tests.compiler.iam_list import POLICIES, is_listed
from tests.compiler.test_iam_actions import UNKNOWN

PSEUDO = {
    "${AWS::Partition}": "aws",
    "${AWS::Region}": "eu-west-1",
    "${AWS::AccountId}": "123456789012",
}


def needed(service, operation, arguments):
    resource = f"aws-sdk:{service}:{operation[:1].lower()}{operation[1:]}"
    spec = {"kind": "aws", "resource": resource}
    task = TaskSpec("call", "x:y", None, "step-functions", 0, None, None, None, service=spec)
    run = TaskRunSpec("call", "call", [], [], arguments, None)
    return [(found.actions, list(map(plain, found.resources))) for found in permissions(task, run)]


def plain(resource):
    """An ARN with its pseudo parameters put in."""
    text = resource if isinstance(resource, str) else resource["Fn::Sub"]
    for name, value in PSEUDO.items():
        text = text.replace(name, value)
    return text


def models():
    loader = Loader()
    for name in loader.list_available_services("service-2"):
        service = BOTO_NAMES.get(name, name.replace("-", ""))
        if service not in NOT_CALLED and service not in UNKNOWN:
            yield service, ServiceModel(loader.load_service_model(name, "service-2"), name)


def small(name):
    return re.sub("[^a-z0-9]", "", name.lower())


def formats(prefix, types):
    """Patterns of the ARNs of some resource types."""
    known = {
        small(name): each["ARNFormats"] for name, each in POLICIES[prefix]["Resources"].items()
    }
    return [
        re.sub(r"\$\{\w+\}", "[^:]*", pattern)
        for name in types
        for pattern in known.get(small(name), ())
    ]


def kinds(action):
    """The types of the resources that an action knows."""
    prefix, _, name = action.partition(":")
    return POLICIES[prefix]["Actions"].get(name.lower(), {}).get("Resources", [])


def sample(prefix, name, own):
    """An ARN of the type that the name of an argument says; of an own type, if it says none."""
    types = {small(each): each for each in POLICIES[prefix]["Resources"]}
    kind = small(name).removesuffix("arn")
    fitting = [each for each in types if kind in ("", "resource") or kind.endswith(each)]
    if kind in ("", "resource") and own:
        fitting = [small(each) for each in own]
    patterns = formats(prefix, [types[max(fitting, key=len)]] if fitting else [])
    if not patterns:
        return "x"
    return patterns[0].replace("[^:]*", "aws", 1).replace("[^:]*", "1").replace(".*", "x")


def arguments_of(action, shape):
    """Every argument that is text, or a list of texts."""
    prefix = action.partition(":")[0]
    given = {}
    for name, member in shape.members.items() if shape else ():
        if member.type_name == "list" and member.member.type_name == "string":
            given[name] = ["x"]
        elif member.type_name == "string":
            is_arn = re.search("(?i)arn$|identifier$", name)
            given[name] = sample(prefix, name, kinds(action)) if is_arn else "x"
    return {name[:1].upper() + name[1:]: value for name, value in given.items()}


def wrongly_narrowed(service, model):
    """The operations of a service that are allowed actions on what these do not know."""
    for operation in model.operation_names:
        bare = [action for actions, _ in needed(service, operation, {}) for action in actions]
        if not bare:
            continue
        given = arguments_of(bare[0], model.operation_model(operation).input_shape)
        for actions, resources in needed(service, operation, given):
            for action in filter(is_listed, actions):
                known = formats(action.partition(":")[0], kinds(action))
                fitting = (re.fullmatch(arn, each) for arn in known for each in resources)
                if resources != [ANY] and not any(fitting):
                    yield operation, action, resources


def test_no_action_is_allowed_on_a_kind_of_resource_that_it_does_not_know():
    """Whoever is allowed an action on what it does not know is not allowed it."""
    found = [
        (service, *each) for service, model in models() for each in wrongly_narrowed(service, model)
    ]
    assert not found
