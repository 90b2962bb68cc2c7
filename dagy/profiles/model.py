"""What a profile may hold, and what is right for each part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from dagy.errors import ProfileError
from dagy.options import MODES, nearest
from dagy.tags import TAG_CHARACTERS, is_reserved, is_tag_key, is_tag_value

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,3}-\d{1,2}")
_BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
MOST_TAGS = 40
"""AWS takes 50 tags of a resource; some are left to Dagy and to the user's own tools."""


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write an address such as https://api.example.com")
    if parts.username or parts.password:
        raise ValueError("an address holds no user and no password; `dagy config set api_token`")
    return text.rstrip("/")


def _region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise ValueError(f"{text!r} is no AWS region; write one such as eu-central-1")
    return text


def _bucket(text: str) -> str:
    if not _BUCKET.fullmatch(text):
        raise ValueError(
            f"{text!r} is no name of an S3 bucket: 3 to 63 small letters, digits, dots and hyphens"
        )
    return text


def _mode(text: str) -> str:
    if text not in MODES:
        raise ValueError(
            f"there is no execution mode {text!r}{nearest(text, MODES)}; "
            f"the modes are {', '.join(MODES)}"
        )
    return text


def _aws_profile(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("write the name of a profile of the AWS configuration files")
    return text


def _tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MOST_TAGS:
        raise ValueError(f"{len(tags)} tags; there is room for {MOST_TAGS}")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise ValueError(f"tag {key!r}: a key has 1 to 128 characters, a value at most 256")
        if is_reserved(key):
            raise ValueError(f"tag {key!r}: keys that begin with aws: or dagy: are not yours")
        if not is_tag_key(key) or not is_tag_value(value, least=0):
            raise ValueError(f"tag {key!r}: {TAG_CHARACTERS} only")
    return tags


class Profile(BaseModel):
    """What a profile says. What it leaves out is None, and left to others.

    Attributes:
        api_url: address of the Dagy API.
        app_url: address of Dagy's web pages.
        region: of AWS, as `eu-central-1`.
        aws_profile: of the AWS configuration files.
        bucket: of S3, for artifacts.
        execution_mode: of flows that are deployed without one.
        tags: of everything that is deployed
            (https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    api_url: Annotated[str, AfterValidator(_url)] | None = None
    app_url: Annotated[str, AfterValidator(_url)] | None = None
    region: Annotated[str, AfterValidator(_region)] | None = None
    aws_profile: Annotated[str, AfterValidator(_aws_profile)] | None = None
    bucket: Annotated[str, AfterValidator(_bucket)] | None = None
    execution_mode: Annotated[str, AfterValidator(_mode)] | None = None
    tags: Annotated[dict[str, str], AfterValidator(_tags)] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what it says, without what it leaves out."""
        return self.model_dump(exclude_none=True)


KEYS = tuple(Profile.model_fields)


def check_key(key: str, *others: str) -> None:
    """Refuse a key that no profile has.

    Raises:
        ProfileError: there is no such key; names the nearest.
    """
    known = (*KEYS, *others)
    if key not in known:
        raise ProfileError(
            f"a profile has no {key!r}{nearest(key, known)}; it has {', '.join(known)}"
        )


def check_name(name: str) -> None:
    """Refuse a name that no profile can have.

    Raises:
        ProfileError: it is not 1 to 64 letters, digits, dots, hyphens and underscores.
    """
    if not _NAME.fullmatch(name):
        raise ProfileError(
            f"a profile cannot be called {name!r}: use 1 to 64 letters, digits, dots, hyphens and "
            "underscores, and begin with a letter or a digit"
        )


def make(values: dict[str, Any], where: str) -> Profile:
    """Return a profile of values.

    Args:
        values: by key; None where the profile says nothing.
        where: they come from, for the error.

    Raises:
        ProfileError: a key is unknown or a value wrong.
    """
    for key in values:
        check_key(key)
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        raise ProfileError(f"{where}: {'; '.join(_faults(error))}") from error


def read_tags(texts: Iterable[str], where: str) -> dict[str, str]:
    """Return tags that were written as `key=value`.

    Raises:
        ProfileError: a text has no `=`.

    Examples:
        >>> read_tags(["team=data", "cost=42"], "--tag")
        {'team': 'data', 'cost': '42'}
    """
    tags = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ProfileError(f"{where}: {text!r} is no tag; write key=value")
        tags[key.strip()] = value.strip()
    return tags


def _faults(error: ValidationError) -> Iterable[str]:
    for fault in error.errors(include_url=False):
        path = ".".join(str(part) for part in fault["loc"] if not str(part).startswith("function"))
        reason = fault.get("ctx", {}).get("error") or fault["msg"]
        yield f"{path}: {reason}"
