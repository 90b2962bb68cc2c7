"""Where profiles are kept: `config.yaml`, and beside it the tokens, which nobody else may read."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dagy.errors import ProfileError
from dagy.options import nearest
from dagy.profiles import plain_yaml
from dagy.profiles.model import Profile, check_name, make

VARIABLE = "DAGY_CONFIG_DIR"

_HEAD = "# Profiles of Dagy. `dagy config` writes this file anew, without comments.\n"
_SECRET_HEAD = "# Tokens of Dagy's profiles. Keep this file to yourself.\n"


@dataclass(frozen=True)
class Config:
    """The profiles, and which of them is used by default.

    Attributes:
        default: name of the profile that holds where none is named; None if there is none.
        profiles: by name.
    """

    default: str | None = None
    profiles: Mapping[str, Profile] = field(default_factory=dict)

    def profile(self, name: str) -> Profile:
        """Return a profile by its name.

        Raises:
            ProfileError: there is none; names the nearest.
        """
        if name not in self.profiles:
            known = ", ".join(self.profiles)
            there_are = f"there are {known}" if known else "there is none yet"
            raise ProfileError(
                f"there is no profile {name!r}{nearest(name, self.profiles)}; {there_are}; "
                f"make one with: dagy config init {name}"
            )
        return self.profiles[name]

    def with_profile(self, name: str, profile: Profile) -> Config:
        """Return this with one profile more, or another one under its name."""
        check_name(name)
        default = self.default if self.default is not None else name
        return replace(self, default=default, profiles={**self.profiles, name: profile})

    def without(self, name: str) -> Config:
        """Return this without a profile; if it was the default, there is none then."""
        self.profile(name)
        left = {other: profile for other, profile in self.profiles.items() if other != name}
        return Config(None if self.default == name else self.default, left)


@dataclass(frozen=True)
class Store:
    """The files of the profiles.

    Attributes:
        folder: that holds `config.yaml` and `credentials.yaml`.
    """

    folder: Path

    @classmethod
    def find(cls) -> Store:
        r"""Return the store of the user, where the system keeps configuration.

        `DAGY_CONFIG_DIR` names another folder. The default is `~/.config/dagy` on Linux,
        `~/Library/Application Support/dagy` on macOS, `%LOCALAPPDATA%\dagy` on Windows.
        """
        folder = os.environ.get(VARIABLE)
        if folder:
            return cls(Path(folder).expanduser())
        from platformdirs import user_config_path

        return cls(user_config_path("dagy", appauthor=False))

    @property
    def config_path(self) -> Path:
        """The file of the profiles."""
        return self.folder / "config.yaml"

    @property
    def credentials_path(self) -> Path:
        """The file of the tokens, by profile."""
        return self.folder / "credentials.yaml"

    def read(self) -> Config:
        """Return the profiles; none if there is no file.

        Raises:
            ProfileError: the file cannot be read, or something in it is not right.
        """
        path = self.config_path
        if not path.exists():  # so that who has no profiles does not wait for YAML either
            return Config()
        found = _mapping(plain_yaml.read(path), path, "")
        for key in found:
            if key not in {"default", "profiles"}:
                raise ProfileError(
                    f"{path}: there is no {key!r}{nearest(key, ['default', 'profiles'])}; "
                    "it holds `default` and `profiles`"
                )
        profiles = {}
        for name, values in _mapping(found.get("profiles"), path, "profiles").items():
            check_name(name)
            at = f"profiles.{name}"
            profiles[name] = make(_mapping(values, path, at), f"{path}: {at}")
        default = found.get("default")
        if default is not None and default not in profiles:
            raise ProfileError(
                f"{path}: default: there is no profile {default!r}{nearest(str(default), profiles)}"
            )
        return Config(default, profiles)

    def write(self, config: Config) -> None:
        """Replace the profiles, whole or not at all.

        Raises:
            ProfileError: the folder cannot be written.
        """
        value: dict[str, Any] = {} if config.default is None else {"default": config.default}
        value["profiles"] = {name: each.to_dict() for name, each in config.profiles.items()}
        self._replace(self.config_path, _HEAD + plain_yaml.dump(value))

    def token(self, profile: str) -> str | None:
        """Return the API token of a profile, if there is one.

        Raises:
            ProfileError: the file is not right, or others may read it.
        """
        return self._tokens().get(profile)

    def set_token(self, profile: str, token: str | None) -> None:
        """Keep the API token of a profile, or forget it.

        Raises:
            ProfileError: the file is not right, or cannot be written.
        """
        tokens = {**self._tokens(), profile: token}
        kept = {name: {"api_token": text} for name, text in tokens.items() if text is not None}
        if kept or self.credentials_path.exists():
            self._replace(self.credentials_path, _SECRET_HEAD + plain_yaml.dump(kept))

    def _tokens(self) -> dict[str, str]:
        path = self.credentials_path
        if not path.exists():
            return {}
        _check_private(path)
        tokens = {}
        for name, values in _mapping(plain_yaml.read(path), path, "").items():
            for key, value in _mapping(values, path, name).items():
                if key != "api_token" or not isinstance(value, str):
                    # What stands there may be a secret: nothing of it is told.
                    raise ProfileError(f"{path}: {name}: it holds one text, `api_token`")
                tokens[name] = value
        return tokens

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other processes from changing the files between reading and writing them.

        Raises:
            ProfileError: the folder cannot be written.
        """
        from dagy.history.owner import hold

        with self._written(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.folder / ".lock").open("ab")
        with lock:
            with self._written(self.folder):
                hold(lock.fileno())
            yield

    def _replace(self, path: Path, text: str) -> None:
        with self._written(path):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # mkstemp gives mode 600, to the tokens and to what stands beside them.
            descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=f".{path.name}-")
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    @contextmanager
    def _written(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ProfileError(
                f"{path} cannot be written: {error.strerror or error}; "
                f"set {VARIABLE} to a folder that can be"
            ) from error


def _mapping(value: Any, path: Path, at: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProfileError(f"{path}: {at or 'the file'} must hold names with values")
    return value


def _check_private(path: Path) -> None:
    if sys.platform != "win32" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ProfileError(f"others may read {path}, and it holds tokens; run: chmod 600 {path}")
