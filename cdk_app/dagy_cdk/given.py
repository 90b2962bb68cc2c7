"""What the CDK knows only when it deploys, as the ARN of a key, in settings that are checked now.

Settings are text that stands in a template as it is, and every part of it is checked. What the CDK
cannot say yet goes through as a stand-in, and gives way to a parameter in the template.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack, Token

FORMS = {
    "cluster": ("cluster_arn", "arn:aws:ecs:us-east-1:000000000000:cluster/given-{}"),
    "data_bucket": ("bucket_name", "given-{}"),
    "execution_role": ("role_arn", "arn:aws:iam::000000000000:role/given-{}"),
    "kms_key": ("key_arn", "arn:aws:kms:us-east-1:000000000000:key/given-{}"),
    "notify": ("topic_arn", "arn:aws:sns:us-east-1:000000000000:given-{}"),
    "permissions_boundary": (
        "managed_policy_arn",
        "arn:aws:iam::000000000000:policy/given-{}",
    ),
    "state_machine_role": ("role_arn", "arn:aws:iam::000000000000:role/given-{}"),
    "worker_role": ("role_arn", "arn:aws:iam::000000000000:role/given-{}"),
}
"""For each setting that may be a construct: its attribute that counts, and the stand-in's form."""


class Given:
    """Values that are known when the stack is deployed.

    Args:
        stack: whose they are.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._values: dict[str, str] = {}

    def settings(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings as text, with stand-ins where they are constructs.

        Args:
            asked: settings by name; a construct, such as a bucket or a key, stands for itself.
        """
        return {name: self._plain(name, value) for name, value in asked.items()}

    def put_into(self, template: dict[str, Any]) -> dict[str, Any]:
        """Return a template with a parameter in the place of each stand-in."""
        if not self._values:
            return template
        made: dict[str, Any] = self._replaced(template)
        return made | {
            "Parameters": made["Parameters"]
            | {_parameter(stand_in): {"Type": "String"} for stand_in in self._values}
        }

    @property
    def parameters(self) -> dict[str, str]:
        """The values, by the parameters of `put_into`."""
        return {_parameter(stand_in): value for stand_in, value in self._values.items()}

    def _plain(self, name: str, value: Any) -> Any:
        if name not in FORMS:
            return value
        if isinstance(value, list | tuple):
            return [self._plain(name, each) for each in value]
        attribute, form = FORMS[name]
        text = value if isinstance(value, str) or value is None else getattr(value, attribute)
        if text is None or not Token.is_unresolved(text):
            return text
        # Of another value it is another one, and what depends on it is published anew.
        known = json.dumps(self._stack.resolve(text), sort_keys=True)
        stand_in = form.format(hashlib.sha256(known.encode()).hexdigest()[:12])
        self._values[stand_in] = text
        return stand_in

    def _replaced(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._replaced(item) for item in value]
        if isinstance(value, dict):
            if value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
                return {"Fn::Sub": self._within(value["Fn::Sub"])}
            return {key: self._replaced(item) for key, item in value.items()}
        if not isinstance(value, str):
            return value
        if value in self._values:
            return {"Ref": _parameter(value)}
        found = any(stand_in in value for stand_in in self._values)
        return {"Fn::Sub": self._within(value.replace("${", "${!"))} if found else value

    def _within(self, text: str) -> str:
        for stand_in in self._values:
            text = text.replace(stand_in, f"${{{_parameter(stand_in)}}}")
        return text


def _parameter(stand_in: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", stand_in.rpartition(":")[2].title())
