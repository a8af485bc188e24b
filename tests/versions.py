"""Print the requirements of an environment of the oldest or the newest versions: `versions.py floors`, or `newest`.

torch is the one of requirements.txt in both, and the tools of the tests are those of requirements-dev.txt.
"""

import configparser
import re
import sys
from pathlib import Path


ROOT = Path(__file__).parent.parent


def requirements(kind: str) -> list[str]:
    """Lines of a requirements file."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    floors = config["options"]["install_requires"].split()
    pinned = [line for name in ("", "-dev") for line in (ROOT / f"requirements{name}.txt").read_text().split("\n")]
    kept = [line for line in pinned if re.match("torch|pytest|hypothesis", line)]
    wanted = [floor if kind == "newest" else floor.replace(">=", "==") for floor in floors]
    return [line for line in wanted if not line.startswith("torch")] + kept


if __name__ == "__main__":
    sys.stdout.write("\n".join(requirements(sys.argv[1])) + "\n")
