"""Names by a language model as a run's folder keeps them: those it was asked for, and those of its
saved model.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from ..configuration_bert_cluster import BertClusterConfig
from ..errors import InputError
from ..publishing import rename_in_card
from .files import replacing, write_json
from .run_folder import RunFolder


NAMES = Path("results", "names.json")


class NameCache:
    """Names that a language model gave, by a hash of what it was asked, in `results/names.json`.

    Args:
        folder (`str` or `Path`): The run's.
        origin (`str` or `Path`, *optional*): Of a run whose names are known too.

    Raises:
        InputError: A file does not hold what was written to it.
    """

    def __init__(self, folder: str | Path, origin: str | Path | None = None) -> None:
        self.path = Path(folder, NAMES)
        self.given: dict[str, tuple[int, str]] = {}
        for path in (self.path, Path(origin or folder, NAMES)):
            try:
                text = path.read_text(encoding="utf-8") if path.is_file() else "{}"
                for key, row in json.loads(text).items():
                    self.given[key] = int(row["cluster"]), str(row["name"])
            except (ValueError, LookupError, TypeError, AttributeError):
                raise InputError(f"'{path}' is broken. Delete it to ask for names anew.") from None

    def find(self, key: str) -> str | None:
        return self.given[key][1] if key in self.given else None

    def add(self, key: str, cluster: int, name: str) -> None:
        """Keep a name, which was given to a cluster, from now on."""
        self.given[key] = cluster, name
        rows = self.given.items()
        write_json(self.path, {key: {"cluster": at, "name": name} for key, (at, name) in rows})


def named_by_people(
    config: BertClusterConfig, named: Sequence[bool], origin: RunFolder
) -> list[bool]:
    """Which clusters are called as people want it, not by keywords or a language model.

    Args:
        config (`BertClusterConfig`): Its `id2label` holds the names.
        named (`Sequence[bool]` of length `num_clusters`): Which clusters have a name from before
            this run.
        origin (`RunFolder`): Of the run that the model comes from, which knows what it gave.
    """
    by_keywords, by_model = origin.keyword_labels(), NameCache(origin.folder).given.values()
    return [
        label in (config.known_topics or ())
        or (named[cluster] and label not in by_keywords and (cluster, label) not in by_model)
        for cluster, label in sorted(config.id2label.items())
    ]


def rename_saved(folder: str | Path, id2label: dict[int, str]) -> None:
    """Put names into the config and the card of a saved model; nothing else of them changes."""
    path, card = Path(folder, "config.json"), Path(folder, "README.md")
    config = json.loads(path.read_text(encoding="utf-8"))
    before = {int(cluster): label for cluster, label in config["id2label"].items()}
    config["id2label"] = {str(cluster): label for cluster, label in id2label.items()}
    config["label2id"] = {label: cluster for cluster, label in id2label.items()}
    with replacing(path) as file:
        json.dump(config, file, indent=2, sort_keys=True)
        file.write("\n")
    if card.is_file():
        renamed = rename_in_card(card.read_text(encoding="utf-8"), before, id2label)
        with replacing(card) as file:
            file.write(renamed)
