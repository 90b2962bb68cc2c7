"""What `dagy doctor` looks at: this machine, and the account that flows are deployed to."""

from dagy.doctor.examination import examine
from dagy.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
