"""Templates of plans, as tests read them."""

import json

from dagy_compiler.machines import machines_of
from dagy_compiler.settings import settings_of
from dagy_compiler.template import template
from dagy_compiler.versions import Code

CODE = Code("c0de" * 16, "a41f" * 16)
"""Any code: what is compared is not to change with it."""

HASHED = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::Lambda::Version")
"""Their logical ids end in a hash of what they are."""


def stack_of(plan, code=CODE, **settings):
    """The template of a plan."""
    return template(
        plan,
        machines_of(plan),
        python_version="3.12",
        code=code,
        settings=settings_of(settings),
    )


def plainly(stack):
    """A template with the hashes of its logical ids left out."""
    text = json.dumps(stack)
    for name, resource in stack["Resources"].items():
        if resource["Type"] in HASHED:
            text = text.replace(name, name[:-8])
    plain = json.loads(text)
    assert len(plain["Resources"]) == len(stack["Resources"])
    return plain


def of_type(stack, kind):
    """The properties of the resources of a type, by logical id."""
    return {name: r["Properties"] for name, r in stack["Resources"].items() if r["Type"] == kind}


def statements(stack):
    """Every statement of every role, with the role's logical id."""
    for name, properties in of_type(stack, "AWS::IAM::Role").items():
        for policy in properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
    for properties in of_type(stack, "AWS::IAM::Policy").values():
        for role in properties["Roles"]:
            for statement in properties["PolicyDocument"]["Statement"]:
                yield role["Ref"], statement


def allowed(stack):
    """What each role may do: (action, resource as text) by role."""
    found = {}
    for role, statement in statements(stack):
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                found.setdefault(role, set()).add((action, shown(resource)))
    return found


def shown(resource):
    """A resource of a statement, as people read it."""
    match resource:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::Sub": text}:
            return text.replace("arn:${AWS::Partition}", "arn").replace(
                ":${AWS::Region}:${AWS::AccountId}", "::"
            )
        case {"Ref": name}:
            return name
    return resource
