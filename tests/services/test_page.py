"""The page about tasks without a worker shows code that runs."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "services.md"


def test_the_flow_of_the_page_and_its_test_run():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    for block in blocks:
        exec(block, names)
    assert names["run"].status == "SUCCEEDED"
