"""What AWS and boto3 refuse, in words that say what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagy.errors import AwsError

_SIGN_IN = (
    "sign in again (`aws sso login`, `aws configure`), or name other credentials: AWS_PROFILE"
)

_BY_CLASS = {
    "NoCredentialsError": f"there are no AWS credentials; {_SIGN_IN}",
    "PartialCredentialsError": f"the AWS credentials are incomplete; {_SIGN_IN}",
    "NoRegionError": "no AWS region is named; give --region, or set AWS_REGION",
    "ProfileNotFound": "name one that is in ~/.aws/config with --aws-profile or AWS_PROFILE",
    "SSOTokenLoadError": _SIGN_IN,
    "UnauthorizedSSOTokenError": _SIGN_IN,
    "TokenRetrievalError": _SIGN_IN,
    "CredentialRetrievalError": _SIGN_IN,
    "EndpointConnectionError": "is the network there, and the region right?",
    "ConnectTimeoutError": "is the network there, and the region right?",
    "ReadTimeoutError": "is the network there? Running the command again is safe",
}

_BY_CODE = {
    "ExpiredToken": f"the AWS credentials have expired; {_SIGN_IN}",
    "ExpiredTokenException": f"the AWS credentials have expired; {_SIGN_IN}",
    "RequestExpired": "the clock of this machine is wrong, or the AWS credentials have expired",
    "InvalidClientTokenId": f"AWS does not know these credentials; {_SIGN_IN}",
    "InvalidAccessKeyId": f"AWS does not know these credentials; {_SIGN_IN}",
    "UnrecognizedClientException": f"AWS does not know these credentials; {_SIGN_IN}",
    "SignatureDoesNotMatch": f"the secret key does not belong to the access key; {_SIGN_IN}",
    "AccessDenied": "these credentials need that permission",
    "AccessDeniedException": "these credentials need that permission",
    "UnauthorizedOperation": "these credentials need that permission",
    "Throttling": "AWS is asked too much; wait a minute and run it again",
    "ThrottlingException": "AWS is asked too much; wait a minute and run it again",
}


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what boto3 raises into an error for people.

    Args:
        doing: what was being done, as `uploading the artifact`.

    Raises:
        AwsError: boto3 raised something; it says what was being done and what to do now.

    Examples:
        >>> with explained("looking at stack 'daily'"):
        ...     pass
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("botocore.", "boto3.")):
            raise
        raise AwsError(f"{doing}: {_told(error)}") from error


def code_of(error: BaseException) -> str:
    """Return AWS's name for what boto3 raised; an empty one if AWS has not answered."""
    response: Any = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _told(error: Exception) -> str:
    response: Any = getattr(error, "response", None) or {}
    message = response.get("Error", {}).get("Message") or str(error)
    code = code_of(error)
    kind = type(error).__name__
    advice = _BY_CODE.get(code) or _BY_CLASS.get(kind)
    said = f"{message.rstrip('.')} ({code})" if code else message.rstrip(".")
    return f"{said}; {advice}" if advice else said
