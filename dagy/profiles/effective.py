"""What holds for a command: the value of each key, and who says so."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagy.profiles.model import KEYS, Profile, make, read_tags
from dagy.profiles.store import Store

PROFILE_VARIABLE = "DAGY_PROFILE"
TOKEN_VARIABLE = "DAGY_API_TOKEN"

VARIABLES: Mapping[str, str] = {
    "api_url": "DAGY_API_URL",
    "app_url": "DAGY_APP_URL",
    "region": "DAGY_AWS_REGION",
    "aws_profile": "DAGY_AWS_PROFILE",
    "bucket": "DAGY_ARTIFACT_BUCKET",
    "execution_mode": "DAGY_EXECUTION_MODE",
    "tags": "DAGY_TAGS",
}
"""Dagy's own variables; tags are written `team=data,cost=42`."""

_AWS_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "aws_profile": ("AWS_PROFILE",),
}


@dataclass(frozen=True)
class Effective:
    """What holds for a command.

    Attributes:
        profile_name: of the profile that was looked into; None if there is none.
        values: what holds.
        sources: who says so, by key: `option`, a variable, or `profile NAME`.
    """

    profile_name: str | None
    values: Profile
    sources: Mapping[str, str]


def effective(profile: str | None = None, **options: Any) -> Effective:
    """Return what holds: an option, a variable of Dagy's, a profile, and AWS's own variables.

    A profile that was named, by an option or by `DAGY_PROFILE`, beats AWS's own variables; these
    beat the profile that is used by default. Profiles do not complete each other: what the named
    one leaves out is not taken from the default one, or half of production would be in staging.

    Args:
        profile: the name of one, given as an option.
        **options: by key; None for what was not given.

    Raises:
        ProfileError: there is no such profile, a file is not right, or a value is wrong.

    Examples:
        >>> effective(region="eu-central-1").values.region
        'eu-central-1'
    """
    named = profile or os.environ.get(PROFILE_VARIABLE) or None
    config = Store.find().read()
    name = named or config.default
    kept = Profile() if name is None else config.profile(name)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key in KEYS:
        said = _said(key, options.get(key), kept, name, named=named is not None)
        values[key], source = next(said, (None, None))
        if source is not None:
            sources[key] = source
    return Effective(name, Profile(**values), sources)


def api_token(profile_name: str | None) -> tuple[str, str] | None:
    """Return the token of the API and who has it; None if nobody has.

    Args:
        profile_name: of the profile that holds, as `Effective` has it.

    Raises:
        ProfileError: the file of the tokens is not right, or others may read it.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if token:
        return token, TOKEN_VARIABLE
    token = None if profile_name is None else Store.find().token(profile_name)
    return None if token is None else (token, f"profile {profile_name}")


def _said(
    key: str, option: Any, kept: Profile, name: str | None, *, named: bool
) -> Iterator[tuple[Any, str]]:
    """Yield what each says of a key, and who: who counts most comes first."""
    if option is not None:
        yield _checked(key, option, f"--{key.replace('_', '-')}"), "option"
    yield from _variables(key, VARIABLES[key])
    own = getattr(kept, key)
    if own is not None and named:
        yield own, f"profile {name}"
    yield from _variables(key, *_AWS_VARIABLES.get(key, ()))
    if own is not None:
        yield own, f"profile {name}"


def _variables(key: str, *names: str) -> Iterator[tuple[Any, str]]:
    for name in names:
        text = os.environ.get(name)
        if text:
            value = read_tags(text.split(","), name) if key == "tags" else text
            yield _checked(key, value, name), name


def _checked(key: str, value: Any, where: str) -> Any:
    return getattr(make({key: value}, where), key)
