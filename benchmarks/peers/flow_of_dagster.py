"""Run by Dagster's own environment: seconds for a chain and a fan-out of ops that do nothing.

In process, with its instance in SQLite, which is its fastest executor that keeps a record.
"""

import json
import sys
import time

from dagster import DagsterInstance, In, Nothing, job, op

SIZE = int(sys.argv[1])


@op
def noop():
    pass


@op(ins={"previous": In(Nothing)})
def next_noop():
    pass


def chain(size):
    @job(name=f"chain_{size}")
    def chained():
        output = noop()
        for index in range(size - 1):
            output = next_noop.alias(f"noop_{index}")(previous=output)

    return chained


def fan_out(size):
    @job(name=f"fan_out_{size}")
    def fanned():
        for index in range(size):
            noop.alias(f"noop_{index}")()

    return fanned


def seconds(shape):
    instance = DagsterInstance.get()
    shape(5).execute_in_process(instance=instance)
    whole = shape(SIZE)
    start = time.perf_counter()
    whole.execute_in_process(instance=instance)
    return time.perf_counter() - start


print(json.dumps({"chain": seconds(chain), "fan-out": seconds(fan_out)}))
