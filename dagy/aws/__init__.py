"""Dagy on AWS: where flows go, how they get there, and what they do there.

Nothing here is imported by a worker, by `import dagy` or by `dagy build`. boto3 comes with the
extra `dagy[aws]` and is imported where it is used.
"""
