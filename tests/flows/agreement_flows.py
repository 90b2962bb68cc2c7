"""The flows that run on the laptop and on every engine. Standard library only: a worker runs them."""

from dagy import RunContext, branch, flow, task


@task
def number(n: int) -> int:
    return n


@task
def add(*numbers: int) -> int:
    return sum(numbers)


@task
def describe(value: object, label: str = "") -> dict:
    return {"label": label, "value": value}


@task(retries=3)
def third_time_without_delay(n: int) -> list:
    attempt = RunContext.get().attempt
    if attempt < 3:
        raise ConnectionError(f"attempt {attempt}")
    return [n, attempt]


@task(retries=3, retry_delay_seconds=1)
def third_time_natively(n: int) -> list:
    return third_time_without_delay.fn(n)


@task(retries=3, retry_delay_seconds=[0, 1])
def third_time_by_list(n: int) -> list:
    return third_time_without_delay.fn(n)


class OutOfStockError(Exception):
    pass


@task
def fail(message: str) -> None:
    raise OutOfStockError(message)


@task(retries=2)
def fail_again() -> None:
    raise OutOfStockError(f"attempt {RunContext.get().attempt}")


@task
def order() -> None:
    pass


@flow
def chain(n: int = 3):
    return add(add(number(n), 1), 1)


@flow
def diamond(n: int = 3):
    top = number(n)
    return add(add(top, 1), add(top, 10))


@flow
def fan_out_with_join(n: int = 3):
    return add(*[add(number(i), n) for i in range(6)])


@flow
def n_shape(n: int = 3):
    """The smallest graph that is not series-parallel: a to c, a to d, b to d."""
    a, b = number(n), number(10)
    c, d = add(a, 1), add(a, b)
    return {"c": c, "d": d}


@flow
def order_without_data():
    first = order()
    second = order(wait_for=[first])
    return number(1), number(2, wait_for=[first, second])


@flow
def parameterised(name: str, tags: list | None = None, limit: int = 10):
    described = describe({"name": name, "tags": tags}, label=name)
    return {"described": described, "first": described["value"]["name"], "limit": limit}


@flow
def retried_natively():
    return third_time_natively(7)


@flow
def retried_in_branches():
    return [third_time_natively(n) for n in range(3)], third_time_by_list(3)


@flow
def retried_without_delay():
    return third_time_without_delay(7)


@flow
def retried_by_list():
    return third_time_by_list(7)


@flow
def odd_values():
    """Values that a careless expression bends, and text that it would evaluate."""
    odd = [
        *(
            "{% 1 + 1 %}",
            "${WorkerFunctionArn}",
            "{{resolve:ssm:x}}",
            '"quoted"\\n',
            "ünï\u2028",
            "",
        ),
        *([], [[]], [[1]], {}, {"": 1, "a.b": {"$c": 2}}, None, True, 1e-9, -0.5, 2**62),
        {"$task": "number"},
    ]
    return describe(describe(odd))["value"]["label"], describe(odd, label="{% $x %}")["label"]


@flow
def big_integers_between_tasks():
    """2**62 is no double: an expression that opened it on the way would round it."""
    return add(number(2**62 + 1), -(2**62))


@flow
def nothing_returned():
    number(1)


@flow
def fails(message: str):
    return add(number(1), fail(message))


@flow
def fails_in_a_branch():
    good, bad = number(1), fail_again()
    return [add(good, 1), bad]


HOOKS_CALLED: list[str] = []


def note(context, state):
    HOOKS_CALLED.append(f"{context.kind} {state.type}")


def is_temporary(error):
    return isinstance(error, ConnectionError)


def backoff(attempt):
    return attempt / 100


@task(
    retries=5,
    retry_delay_seconds=backoff,
    retry_jitter_factor=0.5,
    retry_condition_fn=is_temporary,
    timeout_seconds=60,
    concurrency_limit=1,
    on_retry=[note],
    on_completion=[note],
)
def every_policy(n: int) -> list:
    return third_time_without_delay.fn(n)


@task(retries=5, retry_condition_fn=is_temporary)
def permanent(n: int) -> None:
    raise OutOfStockError(f"attempt {RunContext.get().attempt}")


@task
def hooks_called(*after) -> list:
    return sorted(HOOKS_CALLED)  # which item's come first is nobody's promise


@task
def below(n: int) -> list:
    return list(range(n))


@task
async def negated(n: int) -> int:
    return -n


@flow
def policies(n: int = 2):
    mapped = every_policy.map(below(n))
    return {"mapped": mapped, "hooks": hooks_called(mapped)}


@flow
def not_retried():
    permanent(1)


@flow
def inner(n: int):
    return negated.map(below(n))


@flow
def branching(n: int):
    small = inner(2)
    chosen = branch(n, lambda: {"many": negated.map(below(n))}, lambda: {"many": small})
    return {"chosen": chosen["many"], "first": negated(chosen["many"][0])}


@flow(retries=2, on_retry=[note])
def retried_as_a_whole(n: int = 1):
    return hooks_called(fails_until_retried(n))


@task
def fails_until_retried(n: int) -> int:
    if not HOOKS_CALLED:
        raise ConnectionError("not yet")
    return n


@task
def large(size: int, letter: str = "x") -> str:
    return letter * size


@task
def lengths(*texts) -> list:
    return [len(text) for text in texts]


@task
def content(size: int) -> bytes:
    return bytes(size)


@task
def measured(data: bytes) -> list:
    return [type(data).__name__, len(data)]


@flow
def large_values():
    """Each passes between states by itself; all of them together do not, nor does the largest."""
    parts = [large(100_000, f"{n:x}") for n in range(12)]
    return lengths(*parts, large(1_000_000), parts[3])


@flow
def files():
    """An artifact, and a map over some."""
    return measured(content(300_000)), measured.map(content.map([1, 2]))


@flow
def many_items(n: int):
    """More than an inline Map takes."""
    return add(*[negated.map(below(n))[index] for index in (0, 7, -1)])


@task
def odd_one_out(n: int) -> int:
    if n == 30:
        raise OutOfStockError(f"item {n}")
    return n


@flow
def one_of_many_fails(n: int):
    return odd_one_out.map(below(n))


@task(tolerated_failures=0.1, retries=1)
def nines_out(n: int) -> int:
    if n % 10 == 9:
        raise OutOfStockError(f"item {n}")
    return n


@task
def present(items: list[int | None]) -> int:
    return sum(item is not None for item in items)


@flow
def some_of_many_fail(n: int):
    """No more of them than may: a tenth."""
    found = nines_out.map(below(n))
    return {"found": found, "present": present(found)}


@flow
def too_many_fail(n: int):
    """Of every ten one, and only three may."""
    return nines_out.with_options(tolerated_failures=3).map(below(n))


def forget_hooks():
    HOOKS_CALLED.clear()
