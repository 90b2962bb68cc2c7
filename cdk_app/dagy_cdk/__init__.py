"""CDK constructs for flows. Needs the extra: `pip install "dagy[cdk]"`."""

from dagy_cdk.node import use_node

use_node()

try:
    from dagy_cdk.flow import DagyFlow
except ModuleNotFoundError as error:
    if error.name not in {"aws_cdk", "constructs", "jsii"}:
        raise
    from dagy.errors import MissingExtraError

    raise MissingExtraError(
        f'dagy_cdk needs the package {error.name!r}; install it with: pip install "dagy[cdk]"'
    ) from error

__all__ = ["DagyFlow"]
