"""How Step Functions spells the names of a service's members, which botocore has as on the wire."""

from __future__ import annotations

import re


def pascal(name: str) -> str:
    """Return a name as optimized integrations spell it.

    Examples:
        >>> pascal("jobName")
        'JobName'
    """
    return name[:1].upper() + name[1:]


def java(name: str) -> str:
    """Return a name as SDK integrations spell it, which are made with the AWS SDK for Java 2.

    The SDK takes a name apart into words, acronyms included, and writes each with one capital (its
    code generator's `NamingStrategy`).

    Examples:
        >>> java("DBInstanceIdentifier"), java("ETag"), java("jobName")
        ('DbInstanceIdentifier', 'ETag', 'JobName')
    """
    spaced = re.sub(r"[^A-Za-z0-9]+", " ", name)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", spaced)
    spaced = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", spaced)
    spaced = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", spaced)
    return "".join(word[:1].upper() + word[1:].lower() for word in spaced.split())
