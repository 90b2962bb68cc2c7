"""Templates of plans, as tests read them."""

import json

from dagy_compiler.machines import machines_of
from dagy_compiler.template import template
from dagy_compiler.versions import Code

CODE = Code("c0de" * 16, "a41f" * 16)
"""Any code: what is compared is not to change with it."""

HASHED = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::Lambda::Version")
"""Their logical ids end in a hash of what they are."""


def stack_of(plan, code=CODE):
    """The template of a plan."""
    return template(plan, machines_of(plan), python_version="3.12", code=code)


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
