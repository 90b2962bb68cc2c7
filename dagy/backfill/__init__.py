"""Backfills: one run of a flow for each of many values, on this machine or on AWS."""

from dagy.backfill.slots import Slot, slots_of
from dagy.backfill.values import read_values
from dagy.backfill.work import Ended, Runner, run_all

__all__ = ["Ended", "Runner", "Slot", "read_values", "run_all", "slots_of"]
