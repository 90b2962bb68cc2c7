"""Profiles: what Dagy is to assume of an account and an API, by name, in a file of the user's.

What holds for a command is, in this order: an option, a `DAGY_*` variable, the profile that was
named, AWS's own variables, and the profile that is used by default.
"""

from dagy.profiles.effective import Effective, api_token, effective
from dagy.profiles.model import Profile
from dagy.profiles.store import Config, Store

__all__ = ["Config", "Effective", "Profile", "Store", "api_token", "effective"]
