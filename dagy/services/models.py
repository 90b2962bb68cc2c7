"""botocore's models of the services: their operations and what these take. An optional extra."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dagy.options import nearest
from dagy.services.catalog import SDK_NAMES, model_name, operation_name
from dagy.services.integration import SDK_PREFIX, Integration

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel


def is_available() -> bool:
    """Tell whether botocore can be imported here."""
    try:
        import botocore.loaders  # noqa: F401
    except ImportError:
        return False
    return True


def operation_of(integration: Integration) -> OperationModel:
    """Return the operation that an integration calls.

    Raises:
        ValueError: botocore knows no such service, or it has no such operation; the message has the
            nearest name.
    """
    model = service_model(client_name(integration))
    name = operation_name(integration.service, integration.action)
    if name in model.operation_names and integration.action[:1].islower():
        return model.operation_model(name)
    actions = [each[:1].lower() + each[1:] for each in model.operation_names]
    raise ValueError(
        f"{integration.resource!r}: {integration.service!r} has no action "
        f"{integration.action!r}{nearest(integration.action, actions)}"
    )


def client_name(integration: Integration) -> str:
    """Return what boto3 calls the service of an integration.

    Raises:
        ValueError: it has no such service.
    """
    wanted = model_name(integration.service, integration.action, sdk=integration.sdk)
    known = _services()
    found = known.get(wanted.replace("-", ""))
    if found is None or (integration.sdk and "-" in integration.service):
        hint = nearest(integration.service, [*SDK_NAMES, *known])
        raise ValueError(
            f"{integration.resource!r}: there is no service "
            f"'{SDK_PREFIX}:{integration.service}'{hint}"
        )
    return found


@cache
def service_model(name: str) -> ServiceModel:
    """Return the model of a service, by botocore's name for it."""
    from botocore.model import ServiceModel

    return ServiceModel(_loader().load_service_model(name, "service-2"), name)


@cache
def _loader() -> Any:
    from botocore.loaders import Loader

    return Loader()


@cache
def _services() -> dict[str, str]:
    """Every service of botocore by its name without hyphens."""
    return {name.replace("-", ""): name for name in _loader().list_available_services("service-2")}
