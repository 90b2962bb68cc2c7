"""All checks, in the order of what rests on what, each in a limited time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from dagy.aws.target import Target
from dagy.doctor import account, machine
from dagy.doctor.account import Account
from dagy.doctor.finding import Finding, fail, ok, warn
from dagy.errors import DagyError

SECONDS = 10.0
"""For a check: AWS has 3 s to take a connection and 5 s to answer."""

Check = Callable[[], Finding | list[Finding]]


def examine(find: Callable[[], Target | None]) -> list[Finding]:
    """Return what every check finds. Nothing is changed, and no check waits for ever.

    Args:
        find: the target; may raise what `find_target` raises.
    """
    try:
        target = find()
    except DagyError as error:
        trouble = [fail("profile", str(error), "mend it, or see: dagy config show")]
        return [*_of_machine(), *trouble]
    if target is None:
        nowhere = warn(
            "AWS target",
            "none: flows run here",
            "name one with --region or --aws-profile, or with: dagy config init",
        )
        return [*_of_machine(), nowhere]
    found = _of_machine()
    if any(finding.name == "boto3" and finding.level == "fail" for finding in found):
        return found
    return [*found, *_of_account(target)]


def _of_machine() -> list[Finding]:
    return in_time(
        {
            "Python": machine.python,
            "history": machine.history,
            "boto3": machine.boto3,
            "CDK": machine.cdk,
            "Node": machine.node,
            "npx": machine.npx,
        }
    )


def _of_account(target: Target) -> list[Finding]:
    seen = Account(target)
    identities: list[account.Identity] = []

    def who() -> list[Finding]:
        region = seen.region
        if region is None:
            advice = "name one with --region, AWS_REGION, or: dagy config set region REGION"
            return [fail("region", "none is named", advice)]
        identities.append(seen.identity())
        [identity] = identities
        return [ok("region", region), account.credentials(identity), account.clock(identity)]

    found = in_time({"credentials": who})
    if not identities:
        return found
    identity = identities[0]
    return [
        *found,
        *in_time(
            {
                "artifact bucket": lambda: seen.bucket(identity),
                "CDK bootstrap": lambda: seen.bootstrap(identity),
                "Lambda quotas": seen.quotas,
            }
        ),
    ]


def in_time(checks: Mapping[str, Check], seconds: float = SECONDS) -> list[Finding]:
    """Make checks at the same time and return what they find, in their order.

    Some of what a check waits for knows no time limit, as the resolution of names and programs that
    fetch credentials. So each has a thread of its own, which is left behind when its time is over.

    Args:
        checks: by name.
        seconds: for all of them.
    """
    done: dict[str, Sequence[Finding]] = {}
    threads = [
        threading.Thread(target=_make, args=(name, check, done), daemon=True)
        for name, check in checks.items()
    ]
    for thread in threads:
        thread.start()
    pacer = threading.Event()
    threading.Thread(target=_wait_for, args=(threads, pacer), daemon=True).start()
    pacer.wait(seconds)
    late = f"no answer within {seconds:.0f} s"
    return [
        finding
        for name in checks
        for finding in done.get(name, [fail(name, late, "is the network there?")])
    ]


def _wait_for(threads: Sequence[threading.Thread], pacer: threading.Event) -> None:
    for thread in threads:
        thread.join()
    pacer.set()


def _make(name: str, check: Check, done: dict[str, Sequence[Finding]]) -> None:
    try:
        found = check()
    except DagyError as error:
        found = _refused(name, str(error))
    except Exception as error:  # a check that breaks must not hide what the others find
        found = fail(name, f"{type(error).__name__}: {error}", "")
    done[name] = found if isinstance(found, list) else [found]


def _refused(name: str, message: str) -> Finding:
    what, _, advice = message.partition("; ")
    return fail(name, what, advice)
