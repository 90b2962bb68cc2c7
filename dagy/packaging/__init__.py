"""Packaging: which files and which packages go with a flow, and how they get into archives.

Runs where flows are built, and never in a worker.
"""
