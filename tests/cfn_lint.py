"""The published linter for CloudFormation, cfn-lint, in this process: starting it takes seconds."""

from functools import cache

from cfnlint.config import ConfigMixIn
from cfnlint.runner import Runner


@cache
def _runner() -> Runner:
    return Runner(ConfigMixIn(include_checks=["W", "I"]))


def complaints(template: dict) -> list[str]:
    """Return what cfn-lint finds wrong with a template, warnings and remarks too."""
    found = _runner().validate_template(template)
    return [f"{each.rule.id} {each.message}" for each in found]
