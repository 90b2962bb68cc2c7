"""Tells jsii, on which aws-cdk-lib runs, which Node to start."""

from __future__ import annotations

import os

from dagy.aws.node import find_node


def use_node() -> None:
    """See to it that jsii finds a Node; call this before `aws_cdk` is imported.

    Without one, jsii's own message says so.
    """
    node = find_node()
    if node is not None:
        os.environ["JSII_NODE"] = str(node)
