"""The settings of a stack: what people decide about it, each with a default that is safe.

A value is checked where it enters, against what AWS accepts. Whatever passes holds no character
that CloudFormation would evaluate, so settings stand in a template as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from dagy.errors import ScheduleError, SettingsError
from dagy.options import nearest
from dagy.resources import is_secret
from dagy.schedules import Schedule, parse_schedule
from dagy.schedules.schedule import UTC
from dagy.tags import TAG_CHARACTERS, is_reserved, is_tag_key, is_tag_value

LOG_RETENTION_DAYS: Final = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
)  # fmt: skip
"""Days that CloudWatch keeps logs (Logs API reference, "PutRetentionPolicy", read 2026-11)."""

_ARN = r"arn:aws[a-z-]*:{service}:{place}:[0-9]{{12}}:{name}"
_ROLE = _ARN.format(service="iam", place="", name=r"role/[\w+=,.@/-]+")
_POLICY = r"arn:aws[a-z-]*:iam::(?:[0-9]{12}|aws):policy/[\w+=,.@/-]+"
_KEY = _ARN.format(service="kms", place="[a-z0-9-]+", name=r"key/[A-Za-z0-9-]+")
_CLUSTER = _ARN.format(service="ecs", place="[a-z0-9-]+", name=r"cluster/[\w-]+")
_TOPIC = _ARN.format(service="sns", place="[a-z0-9-]+", name=r"[\w-]+")
_EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"


def _like(pattern: str, meaning: str) -> AfterValidator:
    """Return a validator of text."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value, re.ASCII) is None:
            raise ValueError(f"{value[:80]!r} is not {meaning}")
        return value

    return AfterValidator(check)


def _listed(value: Any) -> Any:
    """One text stands for a list of it."""
    return [value] if isinstance(value, str) else value


def _known_retention(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        fitting = min(LOG_RETENTION_DAYS, key=lambda known: (abs(known - days), known))
        raise ValueError(f"CloudWatch cannot keep logs for {days} days; {fitting} would do")
    return days


def _notified(value: str) -> str:
    if value.startswith("https://"):
        raise ValueError(
            "the address of a webhook is a secret; keep it in Parameter Store (aws ssm "
            "put-parameter --type SecureString --name /dagy/webhook --value ...), and give "
            "ssm:/dagy/webhook here"
        )
    if not re.fullmatch(f"{_EMAIL}|{_TOPIC}", value, re.ASCII) and not is_secret(value):
        raise ValueError(
            f"{value[:80]!r} is no e-mail address, no ARN of an SNS topic, and not where the "
            "address of a webhook is kept (ssm:NAME or secretsmanager:NAME)"
        )
    return value


def _tags(tags: dict[str, str]) -> dict[str, str]:
    for key, value in tags.items():
        if not (is_tag_key(key) and is_tag_value(value)) or is_reserved(key):
            raise ValueError(
                f"{key[:80]!r} cannot be a tag with the value {value[:80]!r}: a key has 1 to 128, "
                f"a value 1 to 256 {TAG_CHARACTERS}, and no key begins "
                "with aws: or dagy:"
            )
    if len(tags) > MAX_TAGS:
        raise ValueError(f"there are {len(tags)} tags, and AWS has room for {MAX_TAGS} of yours")
    return tags


MAX_TAGS: Final = 45
"""AWS takes 50 tags of a resource; some are Dagy's."""

Role = Annotated[str, _like(_ROLE, "the ARN of a role")]
Bucket = Annotated[
    str, _like(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket: 3 to 63 of a-z 0-9 . -")
]
Cluster = Annotated[str, _like(rf"{_CLUSTER}|[\w-]{{1,255}}", "a cluster's name or ARN")]
Subnet = Annotated[str, _like(r"subnet-[A-Za-z0-9]+", "the id of a subnet")]
SecurityGroup = Annotated[str, _like(r"sg-[A-Za-z0-9]+", "the id of a security group")]
Days = Annotated[int, Field(ge=1, le=36_500)]


class Settings(BaseModel):
    """What people decide about a stack.

    Attributes:
        log_retention_days: days that what tasks print is kept; one of those that CloudWatch has.
        data_bucket: the name of a bucket of yours for values that are too large for a state, in
            place of the stack's own. Each stack keeps to its own keys there.
        data_retention_days: days after which values are removed from the stack's own bucket.
        keep_data: whether the stack's own bucket outlives it.
        worker_role: ARN of a role of yours for what runs tasks, on Lambda and in containers.
        state_machine_role: ARN of a role of yours for the state machines.
        execution_role: ARN of a role of yours for what starts containers.
        permissions_boundary: ARN of a policy that bounds every role that the stack makes.
        role_path: path in which it makes them, as `/teams/data/`.
        cluster: name or ARN of an ECS cluster of yours.
        subnets: ids of subnets for containers.
        security_groups: ids of security groups for them.
        public_ip: whether containers get public addresses; not where the subnets have a NAT
            gateway or endpoints.
        functions_in_vpc: whether functions run in these subnets and security groups too.
        kms_key: ARN of a key of yours, by which everything is encrypted.
        xray: whether executions are traced with X-Ray.
        alarms: whether there are alarms on executions that fail, time out or are throttled.
        notify: who is told of alarms, which this makes: e-mail addresses, ARNs of SNS topics, and
            where the address of a webhook, such as Slack's, is kept: `ssm:NAME` or
            `secretsmanager:NAME`.
        dashboard: whether there is a CloudWatch dashboard.
        tags: of every resource.
        reserved_concurrency: invocations that each function may run at once, taken from those of
            the account; None leaves it to the account.
        schedule: when the flow starts by itself: five fields of cron, `@daily` and the like, or
            `rate(15 minutes)`.
        timezone: by whose clocks, as `Europe/Berlin`.
        flexible_window: minutes within which a schedule may fire; None for at its time.
        no_overlap: whether a schedule starts nothing while an execution of the flow runs.
        scheduled_time: the parameter of the flow that is given the scheduled time.

    Examples:
        >>> settings_of({"log_retention_days": 7, "notify": "data@example.org"}).has_alarms
        True
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    log_retention_days: Annotated[int, AfterValidator(_known_retention)] = 30
    data_bucket: Bucket | None = None
    data_retention_days: Days = 30
    keep_data: bool = True
    worker_role: Role | None = None
    state_machine_role: Role | None = None
    execution_role: Role | None = None
    permissions_boundary: Annotated[str, _like(_POLICY, "the ARN of a policy")] | None = None
    role_path: Annotated[
        str, _like(r"/(?:[\w+=,.@-]+/)*", "a path, with / at its beginning and end")
    ] = "/"
    cluster: Cluster | None = None
    subnets: Annotated[tuple[Subnet, ...], BeforeValidator(_listed), Field(strict=False)] = ()
    security_groups: Annotated[
        tuple[SecurityGroup, ...], BeforeValidator(_listed), Field(strict=False)
    ] = ()
    public_ip: bool = True
    functions_in_vpc: bool = False
    kms_key: Annotated[str, _like(_KEY, "the ARN of a KMS key")] | None = None
    xray: bool = False
    alarms: bool = False
    notify: Annotated[
        tuple[Annotated[str, AfterValidator(_notified)], ...],
        BeforeValidator(_listed),
        Field(strict=False),
    ] = ()
    dashboard: bool = False
    tags: Annotated[dict[str, str], AfterValidator(_tags)] = Field(default_factory=dict)
    reserved_concurrency: Annotated[int, Field(ge=1)] | None = None
    schedule: str | None = None
    timezone: str = UTC
    flexible_window: Annotated[int, Field(ge=1, le=1440)] | None = None
    no_overlap: bool = False
    scheduled_time: Annotated[str, _like(r"[A-Za-z_]\w*", "the name of a parameter")] | None = None

    @model_validator(mode="after")
    def _means_something(self) -> Settings:
        parse_schedule(self.schedule or "@daily", self.timezone)  # refuses what means nothing
        return self

    @cached_property
    def when(self) -> Schedule | None:
        """The schedule, if there is one."""
        return None if self.schedule is None else parse_schedule(self.schedule, self.timezone)

    @property
    def has_alarms(self) -> bool:
        """Whether there are alarms: who is to be told of them wants them."""
        return self.alarms or bool(self.notify)

    @property
    def emails(self) -> list[str]:
        """The e-mail addresses among `notify`."""
        return [each for each in self.notify if ":" not in each]

    @property
    def topics(self) -> list[str]:
        """The ARNs of topics among `notify`."""
        return [each for each in self.notify if each.startswith("arn:")]

    @property
    def webhooks(self) -> list[str]:
        """Where the addresses of webhooks are kept, among `notify`."""
        return [each for each in self.notify if each not in {*self.emails, *self.topics}]

    @property
    def hash(self) -> str:
        """SHA-256, in hex."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def settings_of(values: Mapping[str, Any], where: str = "settings") -> Settings:
    """Return settings.

    Args:
        values: by name; the others have their defaults.
        where: for messages: what the values come from.

    Raises:
        SettingsError: a name is unknown, or a value is not what AWS accepts; says which and why.
    """
    for name in values:
        if name not in Settings.model_fields:
            raise SettingsError(f"{where}: there is no setting {name!r}{nearest(name, NAMES)}")
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(f"{where}: {_said(error)}") from error
    except ScheduleError as error:
        raise SettingsError(f"{where}: {error}") from error


NAMES: Final = tuple(Settings.model_fields)
"""The names of all settings."""


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name, *inner = first["loc"]
    item = f"[{inner[0]}]" if inner else ""
    said = first["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    return f"{name}{item}: {said}"
