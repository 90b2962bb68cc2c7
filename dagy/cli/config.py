"""`dagy config`: make, show and change profiles."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import typer

from dagy.cli.screen import out, print_json, print_plain, say, table
from dagy.errors import ProfileError
from dagy.profiles import Profile, Store, api_token, effective
from dagy.profiles.model import KEYS, check_key, check_name, make, read_tags

TOKEN = "api_token"

_QUESTIONS = {
    "region": "AWS region (as eu-central-1)",
    "aws_profile": "Profile of the AWS configuration files",
    "bucket": "S3 bucket for artifacts (empty: one is made)",
    "execution_mode": "Execution mode",
}


def make_profile(
    name: str, given: Mapping[str, str | None], tags: Sequence[str], *, yes: bool
) -> None:
    """Make a profile of what is given, and of answers."""
    check_name(name)
    store = Store.find()
    if name in store.read().profiles:
        raise ProfileError(
            f"there is a profile {name!r} already; change it with: "
            f"dagy config set KEY VALUE --profile {name}"
        )
    values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if tags:
        values["tags"] = read_tags(tags, "--tag")
    profile = make(values, f"profile {name}")
    if sys.stdin.isatty() and not yes:
        profile = _asked(profile)
    with store.changing():
        config = store.read().with_profile(name, profile)
        store.write(config)
    default = ", which is used by default" if config.default == name else ""
    say(f"Made the profile {name}{default}: {store.config_path}")
    if not profile.to_dict():
        say(f"It is empty; fill it with: dagy config set region REGION --profile {name}")


def _asked(profile: Profile) -> Profile:
    for key, question in _QUESTIONS.items():
        while getattr(profile, key) is None:
            answer = typer.prompt(question, default="", show_default=False).strip()
            if not answer:
                break
            try:
                profile = make({**profile.to_dict(), key: answer}, "that")
            except ProfileError as error:
                say(str(error))
    return profile


def show_list(*, as_json: bool) -> None:
    """List the profiles; a star stands before the one that holds."""
    config = Store.find().read()
    if as_json:
        print_json(
            [
                {"name": name, "default": name == config.default, **profile.to_dict()}
                for name, profile in config.profiles.items()
            ]
        )
        return
    if not config.profiles:
        say("No profiles yet. `dagy config init` makes one.")
        return
    rows = table("", "profile", "region", "AWS profile", "bucket", "mode", "API")
    for name, profile in config.profiles.items():
        cells = (profile.region, profile.aws_profile, profile.bucket, profile.execution_mode)
        star = "*" if name == config.default else ""
        rows.add_row(star, name, *(cell or "" for cell in cells), profile.api_url or "")
    out.print(rows)


def show_effective(name: str | None, *, as_json: bool) -> None:
    """Show what holds, and who says so; of a token only that there is one."""
    found = effective(name)
    token = api_token(found.profile_name)
    source = None if token is None else token[1]
    if as_json:
        print_json(
            {
                "profile": found.profile_name,
                "values": found.values.to_dict(),
                "sources": {**found.sources, **({} if source is None else {TOKEN: source})},
                "has_api_token": token is not None,
                "path": str(Store.find().config_path),
            }
        )
        return
    say(f"profile {found.profile_name}" if found.profile_name else "no profile")
    rows = table("", "value", "from")
    for key in KEYS:
        rows.add_row(key, _text(getattr(found.values, key)), found.sources.get(key, ""))
    rows.add_row(TOKEN, "(not shown)" if source else "", source or "")
    out.print(rows)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={text}" for key, text in value.items())
    return value or ""


def change(key: str, value: str | None, profile: str | None, *, unset: bool) -> None:
    """Change one key of a profile."""
    check_key(key, TOKEN)
    store = Store.find()
    # The default one if none is named, as everywhere; variables cannot be changed here.
    name = profile or effective().profile_name
    if name is None:
        raise ProfileError("there is no profile yet; make one with: dagy config init")
    store.read().profile(name)
    if unset and value is not None:
        raise ProfileError("give a value or --unset, not both")
    if key == TOKEN:
        token = None if unset else _asked_token(value)
        with store.changing():
            store.set_token(name, token)
    else:
        new = None if unset else _read(key, value)
        with store.changing():
            config = store.read()
            values = {**config.profile(name).to_dict(), key: new}
            store.write(config.with_profile(name, make(values, key)))
    say(f"{name}: {key} is {'not set any more' if unset else 'set'}")


def _read(key: str, value: str | None) -> Any:
    if value is None:
        raise ProfileError(f"say what {key} is to be, or --unset")
    return read_tags(value.split(","), key) if key == "tags" else value


def _asked_token(value: str | None) -> str:
    if value not in {None, "-"}:
        raise ProfileError(
            "a token on the command line is read by others and kept by the shell; leave it out to "
            "be asked for it, or write - and pass it on the standard input"
        )
    if value is None and sys.stdin.isatty():
        text = typer.prompt("API token", hide_input=True)
    else:
        text = sys.stdin.readline()
    text = text.strip()
    if not text or not text.isprintable() or " " in text:
        raise ProfileError("that is no token: it is one line of characters without spaces")
    return str(text)


def use_by_default(name: str) -> None:
    """Make a profile the default."""
    store = Store.find()
    with store.changing():
        config = store.read()
        config.profile(name)
        store.write(replace(config, default=name))
    say(f"{name} is used by default")


def delete_profile(name: str, *, yes: bool) -> None:
    """Delete a profile; ask first on a terminal, and insist on `--yes` elsewhere."""
    store = Store.find()
    store.read().profile(name)
    if not yes:
        if not sys.stdin.isatty():
            raise ProfileError(f"to delete the profile {name}, say --yes")
        if not typer.confirm(f"Delete the profile {name} and its token?"):
            say("Nothing was deleted.")
            return
    with store.changing():
        config = store.read().without(name)
        store.write(config)
        store.set_token(name, None)
    say(f"Deleted the profile {name}.")
    if config.default is None and config.profiles:
        say(f"None is used by default now; choose one with: dagy config use {min(config.profiles)}")


def show_path() -> None:
    """Print where the profiles are, whether there are any or not."""
    print_plain(str(Store.find().config_path))
