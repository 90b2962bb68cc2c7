"""Flows on real containers: ministack's ECS drives a Docker engine. `make test-containers` runs them.

Plain `pytest` does not collect this folder. Asked for by name, it fails where there is no engine.
"""
