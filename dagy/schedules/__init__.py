"""Schedules as people write them, and as EventBridge Scheduler takes them.

Pure: text in, values out. Nothing here knows the time or talks to anybody.
"""

from dagy.schedules.schedule import Schedule, parse_schedule

__all__ = ["Schedule", "parse_schedule"]
