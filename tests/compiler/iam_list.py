"""The actions that IAM knows, and what they know of resources, as cfn-lint brings them."""

import json
from importlib import resources

POLICIES = json.loads(
    (resources.files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text()
)
"""By prefix, the actions in small letters with their resource types, and the ARNs of these."""


def is_listed(action):
    """Tell whether IAM knows an action."""
    prefix, _, name = action.partition(":")
    return name.lower() in POLICIES.get(prefix, {"Actions": ()})["Actions"]
