"""Print the requirements of an environment of the oldest or the newest versions: `versions.py
floors`, or `newest`.

torch is the one of requirements.txt in both, and the tests' own tools are those of
requirements-dev.txt."""

import configparser
import sys
from pathlib import Path


ROOT = Path(__file__).parent.parent


def requirements(kind: str) -> list[str]:
    """Lines of a requirements file."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    floors = config["options"]["install_requires"].split()
    pinned = [
        line
        for name in ("", "-dev")
        for line in (ROOT / f"requirements{name}.txt").read_text().splitlines()
    ]
    tools = pinned[pinned.index("-r requirements.txt") + 1 :]
    torch = [line for line in pinned if line.startswith("torch==")]
    wanted = [
        floor if kind == "newest" else floor.replace(">=", "==")
        for floor in floors
        if "torch>" not in floor
    ]
    return torch + wanted + tools


if __name__ == "__main__":
    sys.stdout.write("\n".join(requirements(sys.argv[1])) + "\n")
