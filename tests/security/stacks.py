"""Templates that between them have everything that a stack can have."""

from pathlib import Path

from dagy.building import BuildOptions, build
from dagy.loader import load_flow

FLOWS = Path(__file__).with_name("flows.py")

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

SETTINGS = {
    "default": {},
    "full": {
        "kms_key": KEY,
        "xray": True,
        "notify": ["me@example.org", "ssm:/ops/slack"],
        "dashboard": True,
        "functions_in_vpc": True,
        "reserved_concurrency": 5,
        "subnets": ["subnet-0a1b2c3d"],
        "security_groups": ["sg-0a1b2c3d"],
        "schedule": "0 9 1 * mon",
        "no_overlap": True,
    },
}


def bundles(folder):
    """Bundles of flows, with settings and without, by name."""
    made = {}
    for flow, mode in (("varied", "micro"), ("plain", "nano")):
        for name, settings in SETTINGS.items():
            options = BuildOptions(mode=mode, settings=settings)
            built = build(load_flow(f"{FLOWS}:{flow}"), options, folder / name)
            made[f"{flow}-{name}"] = built.bundle.path
    return made
