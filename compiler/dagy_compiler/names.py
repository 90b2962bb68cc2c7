"""Names that Step Functions accepts: of states and of variables, legal, short enough and unique."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

from dagy_compiler.limits import STATE_NAME_CHARACTERS, VARIABLE_NAME_CHARACTERS

DIGEST_CHARACTERS = 6


def state_name(wanted: str) -> str:
    """Return a name that a state may have, equal to the wanted one if that is legal.

    Characters that do not print become `-`, and what would be an expression or a substitution is
    taken apart. A name that is too long is cut, and told from its neighbours by its hash.
    """
    printable = "".join(char if char.isprintable() else "-" for char in wanted)
    return _cut(neutral(printable) or "-", STATE_NAME_CHARACTERS)


def variable_base(wanted: str) -> str:
    """Return the part of a variable's name that says whose value it is.

    Step Functions takes Unicode identifiers. Not every engine that people test with does (moto 5.2
    does not), so letters lose their accents, and what is not ASCII then becomes `_`.

    Examples:
        >>> variable_base("été-2")
        'ete_2'
    """
    plain = (char for char in unicodedata.normalize("NFKD", wanted) if not _is_accent(char))
    legal = "".join(char if char.isascii() and char.isalnum() else "_" for char in plain)
    return _cut(legal, VARIABLE_NAME_CHARACTERS - 8, "_")


def variable(base: str, depth: int) -> str:
    """Return the name of the variable that holds a value in a scope.

    The prefix keeps it from hiding a JSONata function (`$count`). An inner scope may not assign
    what an outer one assigns (developer guide, "Passing data with variables"), so the depth is part
    of it.

    Args:
        base: from `variable_base`, unique.
        depth: Parallels around the scope; 0 for the machine itself.
    """
    return f"r{depth or ''}_{base}"


def neutral(text: str) -> str:
    """Return text that neither Step Functions evaluates nor CloudFormation substitutes."""
    apart = text.replace("{%", "{ %").replace("%}", "% }").replace("${", "$ {")
    while "{{" in apart:
        apart = apart.replace("{{", "{ {")
    return apart


class UniqueNames:
    """Gives each name once: `load`, `load-2`, `load-3`.

    Args:
        separator: stands before the number.
        limit: characters that a name may have, as `_cut` counts them.
    """

    def __init__(self, separator: str, limit: int) -> None:
        self._separator = separator
        self._limit = limit
        self._taken: set[str] = set()

    def claim(self, wanted: str) -> str:
        """Return a legal name, or it with the first free number from 2 on."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            ending = f"{self._separator}{number}"
            name = _beginning(wanted, self._limit - len(ending)) + ending
        self._taken.add(name)
        return name

    def claim_all(self, wanted: Iterable[str]) -> list[str]:
        """Return a name for each, in order."""
        return [self.claim(name) for name in wanted]


def _is_accent(char: str) -> bool:
    return unicodedata.combining(char) != 0


def _cut(name: str, limit: int, separator: str = "-") -> str:
    if _beginning(name, limit) == name:
        return name
    ending = separator + hashlib.sha256(name.encode()).hexdigest()[:DIGEST_CHARACTERS]
    return _beginning(name, limit - len(ending)) + ending


def _beginning(name: str, limit: int) -> str:
    """Return as much of a name as has so many characters.

    AWS does not say how it counts. As in UTF-16, a character beyond the basic plane is two here;
    whoever counts otherwise counts no more.
    """
    return name.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore")
