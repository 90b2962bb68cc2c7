"""Names in a template that are made from the stack's, for stacks that hold several flows."""

from __future__ import annotations

from typing import Any

STACK_NAME = "AWS::StackName"


def told_apart(template: Any, by: str) -> Any:
    """Return a template whose names begin with the stack's name and another.

    A flow names what it makes after its stack, as the family of a task definition. Two flows of one
    stack would share these names. State machines are named by CloudFormation then.

    Args:
        template: as JSON values.
        by: a name that is unique in the stack.

    Examples:
        >>> told_apart({"Fn::Sub": "${AWS::StackName}-Small"}, "Daily")
        {'Fn::Sub': '${AWS::StackName}-Daily-Small'}
        >>> told_apart({"Ref": "AWS::StackName"}, "Daily")
        {'Fn::Sub': '${AWS::StackName}-Daily'}
    """
    if isinstance(template, list):
        return [told_apart(item, by) for item in template]
    if not isinstance(template, dict):
        return template
    if template == {"Ref": STACK_NAME}:
        return {"Fn::Sub": f"${{{STACK_NAME}}}-{by}"}
    text = template.get("Fn::Sub")
    if len(template) == 1 and isinstance(text, str):
        return {"Fn::Sub": text.replace(f"${{{STACK_NAME}}}", f"${{{STACK_NAME}}}-{by}")}
    return {
        key: told_apart(value, by) for key, value in template.items() if key != "StateMachineName"
    }
