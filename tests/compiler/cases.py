"""The flows of the golden tests, each named for what it teaches."""

from dataclasses import replace

from tests.compiler.flows import Flow, output, parameter


def chain():
    flow = Flow("chain")
    flow.task("extract", parameter("day"))
    flow.task("clean", output("extract"))
    flow.task("load", output("clean"))
    return flow.returns(output("load"))


def diamond():
    flow = Flow("diamond")
    flow.task("extract")
    flow.task("left", output("extract"))
    flow.task("right", output("extract"))
    flow.task("join", output("left"), output("right"))
    return flow.returns(output("join"))


def fan_out_with_join():
    flow = Flow("fan-out-with-join")
    for number in range(1, 6):
        flow.task(f"part-{number}", number)
    flow.task("total", [output(f"part-{number}") for number in range(1, 6)])
    return flow.returns(output("total"))


def n_shape():
    """Not series-parallel: `d` need not wait for `a`, and in the tree it does."""
    flow = Flow("n-shape")
    flow.task("a").task("b")
    flow.task("c", output("a"), output("b"))
    flow.task("d", output("b"))
    return flow.returns(None)


def crossed():
    """Whatever barrier there is costs 10 s: `clean` waits for `settings` across branches."""
    flow = Flow("crossed")
    flow.task("download", parameter("day"), expected_seconds=90)
    flow.task("settings", expected_seconds=10)
    flow.task("clean", output("download"), output("settings"), expected_seconds=10)
    flow.task("train", output("settings"), expected_seconds=90)
    return flow.returns([output("clean"), output("train")])


def siblings(count=5):
    """A task called five times at once is one Map over the ids of its runs, each with its output."""
    flow = Flow("siblings")
    flow.task("base", parameter("day"))
    flow.task("fetch", output("base"), 1, retries=2, delay=0.5)
    for number in range(2, count + 1):
        flow.again(f"fetch-{number}", "fetch", output("base"), number)
    flow.task("total", [output("fetch"), *(output(f"fetch-{n}") for n in range(2, count + 1))])
    return flow.returns(output("total"))


def live_values_only():
    """`raw` ends with its branch; `clean` leaves two of them; `log` is read by nobody."""
    flow = Flow("live-values-only")
    flow.task("raw")
    flow.task("clean", output("raw"))
    flow.task("log", output("clean"))
    flow.task("model", output("clean"))
    flow.task("other")
    flow.task("report", output("clean"), output("model"), after=["log", "other"])
    return flow.returns(output("report"))


def order_without_data():
    """`wait_for` orders `after` behind `first`, and sends it nothing."""
    flow = Flow("order-without-data")
    flow.task("first")
    flow.task("after", after=["first"])
    return flow.returns(None)


def native_retry():
    flow = Flow("native-retry")
    flow.task("fetch", retries=3, delay=5)
    flow.task("grow", output("fetch"), retries=3, delay=[1, 2, 4])
    return flow.returns(None)


def retry_with_list_delays():
    flow = Flow("retry-with-list-delays")
    flow.task("fetch", retries=4, delay=[2, 0, 5])
    return flow.returns(output("fetch"))


def decided_retry():
    """Jitter, conditions and functions are the worker's, and so is who is told of the end."""
    flow = Flow("decided-retry")
    flow.task("fetch", retries=2, delay=1, retry_jitter_factor=0.5, timeout_seconds=20.0)
    flow.task("load", output("fetch"), hooks={"on_failure": ["tell"]})
    return flow.returns(None)


def concurrency_limit():
    """At most two at once: two sequences."""
    flow = Flow("concurrency-limit")
    for number in range(1, 6):
        flow.task(f"part-{number}", number)
    for number in range(1, 6):
        flow.runs[number - 1] = replace(flow.runs[number - 1], task_name="part-1")
    flow.tasks = {"part-1": replace(flow.tasks["part-1"], concurrency_limit=2)}
    return flow.returns(None)


def mapped():
    """The items are known when the execution comes to them."""
    flow = Flow("mapped")
    flow.task("list")
    flow.task("each", output("list"), map_over=[0], retries=1, concurrency_limit=5)
    flow.task("total", output("each"))
    return flow.returns(output("total"))


def map_over_a_list():
    """The items stand in the flow, so nobody counts them, and there is one Map."""
    flow = Flow("map-over-a-list")
    flow.task("load").task("each", ["a", output("load"), "c"], map_over=[0])
    flow.task("total", output("each"))
    return flow.returns(output("total"))


def tolerant_map():
    """An item that fails for good puts out its index; what follows the Map counts these."""
    flow = Flow("tolerant-map")
    flow.task("list")
    flow.task("each", output("list"), map_over=[0], retries=1, tolerated_failures=0.1)
    flow.task("total", output("each"))
    return flow.returns(output("total"))


def branched():
    """A value decides; the side that is not taken leaves nothing."""
    flow = Flow("branched")
    flow.task("check")
    large = output("check", "large")
    flow.task("split", output("check"), when=[(large, True)])
    flow.task("store", output("split"), when=[(large, True)])
    flow.task("note", when=[(large, False)])
    chosen = {"$branch": large, "then": output("store"), "otherwise": output("note")}
    flow.task("report", chosen)
    return flow.returns(output("report"))


def guarded():
    """The flow has retries and hooks of its own."""
    flow = Flow("guarded")
    flow.task("load", parameter("day"))
    hooks = {"on_running": ["tell"], "on_completion": ["tell"], "on_failure": ["tell"]}
    return flow.returns(output("load"), retries=1, retry_delay_seconds=60, hooks=hooks)


def service_tasks():
    """Step Functions calls services and waits; `extract` stays inline, as `tell` is given it."""
    flow = Flow("service-tasks")
    flow.task("extract", parameter("day"))
    flow.service(
        *("clean", "glue:startJobRun.sync"),
        JobName="clean",
        Arguments={"--day": parameter("day"), "--text": "${x}"},
        retries=2,
        delay=[0, 60],
        after=["extract"],
    )
    flow.task("pause", service={"kind": "sleep"}, named={"seconds": 60}, after=["clean"])
    flow.service(
        *("tell", "sns:publish"),
        TopicArn="arn:aws:sns:eu-west-1:123456789012:team",
        Message={"rows": output("extract", "rows", 0), "run": output("clean", "Id")},
        after=["pause"],
    )
    return flow.returns(output("tell"))


def services_only():
    """No worker at all: Step Functions waits, and has nothing to invoke."""
    flow = Flow("services-only")
    flow.task("pause", service={"kind": "sleep"}, named={"seconds": 60})
    return flow.returns(output("pause"))


def structured_return():
    """JSON that holds parts of outputs is put together by the worker."""
    flow = Flow("structured-return")
    flow.task("a").task("b")
    return flow.returns({"first": output("a", "task"), "rest": [output("b"), parameter("day")]})


def return_from_a_fork():
    flow = Flow("return-from-a-fork")
    flow.task("a").task("b")
    return flow.returns(output("b"))


def no_tasks():
    return Flow("no-tasks").returns({"answer": 42})


def awkward_names():
    """Ids that make the same variable, names that look like expressions."""
    flow = Flow("{% $uuid() %}")
    flow.task("load-2").task("load.2", output("load-2"))
    flow.task("été", output("load.2"), output("load-2"))
    flow.task("return", output("été"))
    return flow.returns([output("return")])


SIMPLE = (
    chain,
    diamond,
    fan_out_with_join,
    n_shape,
    siblings,
    live_values_only,
    order_without_data,
    native_retry,
    retry_with_list_delays,
    structured_return,
    return_from_a_fork,
    no_tasks,
    awkward_names,
)

CASES = (
    *SIMPLE,
    decided_retry,
    concurrency_limit,
    mapped,
    map_over_a_list,
    tolerant_map,
    branched,
    guarded,
    service_tasks,
)
"""Those after the simple ones need the real worker, to run."""


def executor_of_its_own():
    """`train` runs on Fargate in every mode; what comes before and after it is two units."""
    flow = Flow("executor-of-its-own")
    flow.task("extract", parameter("day"))
    flow.task("clean", output("extract"))
    flow.task("train", output("clean"), default_executor="ecs", vcpu=4, memory_mb=16_384)
    flow.task("audit", output("clean"))
    flow.task("report", output("train"), output("audit"))
    return flow.returns(output("report"))


def needs_of_their_own():
    """Equal needs share a function; what differs from the mode is a unit, and has its own."""
    flow = Flow("needs-of-their-own")
    flow.task("fetch", parameter("day"), secrets={"TOKEN": "ssm:/prod/token"})
    flow.task("left", output("fetch"), memory_mb=4096, architecture="arm64")
    flow.task("right", output("fetch"), memory_mb=4096, architecture="arm64")
    flow.task("join", output("left"), output("right"))
    flow.task("send", output("join"), executor="lambda")
    return flow.returns(None)


def plain_chain():
    """Three tasks without policies between two that have one: `chains` fuses the three."""
    flow = Flow("plain-chain")
    flow.task("fetch", parameter("day"), retries=2, delay=1)
    flow.task("parse", output("fetch")).task("clean", output("parse"))
    flow.task("count", output("clean"))
    flow.task("load", output("count"), retries=1)
    return flow.returns({"count": output("count"), "load": output("load")})


PLACED = (executor_of_its_own, needs_of_their_own, plain_chain)
"""Flows for the passes `place` and `fuse` alone."""
