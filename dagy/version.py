"""The one place where the version of Dagy is written."""

__version__ = "0.1.0"
