"""Run by Prefect's own environment: seconds for a chain and a fan-out of tasks that do nothing."""

import json
import sys
import time

from prefect import flow, task

SIZE = int(sys.argv[1])


@task
def noop(previous=None):
    return None


@flow
def chain(size: int):
    output = None
    for _ in range(size):
        output = noop.submit(output)
    output.result()


@flow
def fan_out(size: int):
    for future in [noop.submit() for _ in range(size)]:
        future.result()


def seconds(flow):
    flow(5)  # starts its temporary server, which is not what is measured
    start = time.perf_counter()
    flow(SIZE)
    return time.perf_counter() - start


print(json.dumps({"chain": seconds(chain), "fan-out": seconds(fan_out)}))
