r"""Classes that only new texts hold: whether an update proposes them, and what the old ones keep.

    python -m benchmarks.updates --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora stackoverflow.jsonl.gz:3:2000:1500 clinc150.jsonl.gz:10:4000:3000 --seeds 42 43

A corpus is a file, the number of classes that are held back, of texts of the other classes that a
model is trained on, with as many clusters as they have, and of texts of all classes that come
afterwards. With 0 classes held back, whatever is proposed is chance. A proposed topic is right
where most of its texts are of one class that was held back; that class is found. Both kinds of
texts are drawn alike, so that clusters called growing, fading or drifting (`changing`, a share) are
chance. All proposed topics are then accepted; `kept` is the share of the first texts that stay in
their cluster, `accuracy` that of the new texts of old classes, by the model before and after it.
Figures are kept in `benchmarks/results/updates/`; a run that is there is not repeated.
"""

import csv
import json
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.quality import parser_of_corpora, run_corpora, spread
from bert_clustering.clusters.metrics import clustering_accuracy
from bert_clustering.run_clustering import main as cluster
from bert_clustering.texts.tables import read_columns


SCORES = (
    "proposed",
    "precision",
    "recall",
    "texts found",
    "changing",
    "kept",
    "accuracy before",
    "after",
)


def name_of(corpus: str) -> str:
    """What tables call a corpus."""
    file, held, num_old, num_new = corpus.split(":")
    return f"{Path(file).name.split('.')[0]}, {held} classes new, {num_old} and {num_new} texts"


def split(corpus: str, label_column: str, seed: int, folder: Path) -> dict[str, list]:
    """Write the texts to train on and those that come afterwards; classes, by the texts' ids."""
    file, held, *sizes = corpus.split(":")
    num_old, num_new = map(int, sizes)
    columns = read_columns(file, ("text", label_column))
    classes = np.array([*map(str, columns[label_column])])
    generator = np.random.default_rng(seed)
    names, counts = np.unique(classes, return_counts=True)
    large = names[counts >= np.quantile(counts, 0.25)]
    held_back = generator.choice(large, int(held), replace=False)
    rows = generator.permutation(len(classes))
    new, others = rows[:num_new], rows[num_new:]
    old = others[~np.isin(classes[others], held_back)][:num_old]
    for name, drawn in (("old", old), ("new", new)):
        lines = [json.dumps({"id": f"{row}", "text": columns["text"][row]}) for row in drawn]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return {"classes": classes.tolist(), "held back": held_back.tolist(), "new": new.tolist()}


def run(encoder: str, corpus: str, seed: int, label_column: str, options: list[str]) -> dict:
    """Scores of one update."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        truth = split(corpus, label_column, seed, folder)
        classes, held_back = np.array(truth["classes"]), truth["held back"]
        old, new = folder / "old.jsonl", folder / "new.jsonl"
        ids = [json.loads(line)["id"] for line in old.read_text().splitlines()]
        num_clusters = len({*classes[[*map(int, ids)]]})
        more = ["--id_column", "id", "--seed", str(seed), "--report_to", "none", *options]
        train = ["--train_file", str(old), "--num_clusters", str(num_clusters), "--do_train"]
        cluster(["--model_name_or_path", encoder, *train, *more, "--output_dir", made + "/model"])
        update = ["--model_name_or_path", made + "/model", "--update_file", str(new), *more]
        cluster([*update, "--do_report", "--output_dir", made + "/updated"])
        changes = read_changes(made + "/updated")
        scores = score(changes, made + "/updated", classes, held_back, truth["new"])
        numbers = [str(topic["number"]) for topic in changes["proposed"]]
        if numbers:
            accept = ["--do_train", "--accept", *numbers]
            cluster([*update, *accept, "--output_dir", made + "/updated"])
            after = accuracy(made + "/updated", classes, held_back, truth["new"])
            scores |= {"kept": read_changes(made + "/updated")["kept"], "after": after}
        return scores


def read_changes(folder: str) -> dict:
    """`changes.json` of a run's folder."""
    return json.loads(Path(folder, "results", "changes.json").read_text())


def read_new(folder: str, new: list[int]) -> dict[int, dict[str, str]]:
    """Rows of `clusters.csv` that are of new texts, by their row in the corpus."""
    with open(Path(folder, "results", "clusters.csv"), newline="") as file:
        rows = {int(row["id"]): row for row in csv.DictReader(file)}
    return {number: rows[number] for number in new}


def accuracy(folder: str, classes: np.ndarray, held_back: list[str], new: list[int]) -> float:
    """Of the clusters of new texts of old classes."""
    rows = {n: row for n, row in read_new(folder, new).items() if classes[n] not in held_back}
    found = np.array([int(row["cluster"]) for row in rows.values()])
    return float(clustering_accuracy(np.unique(classes[[*rows]], return_inverse=True)[1], found))


def score(
    changes: dict, folder: str, classes: np.ndarray, held_back: list[str], new: list[int]
) -> dict:
    """How far the proposed topics are the classes that were held back."""
    rows, found, right, hits, texts = read_new(folder, new), set(), 0, 0, 0
    for topic in changes["proposed"]:
        members = [n for n, row in rows.items() if row.get("proposed") == str(topic["number"])]
        names, counts = np.unique(classes[members], return_counts=True)
        largest = names[counts.argmax()]
        texts += len(members)
        hits += int(np.isin(classes[members], held_back).sum())
        if largest in held_back and 2 * counts.max() > len(members):
            right += 1
            found.add(largest)
    count, of_held = len(changes["proposed"]), int(np.isin(classes[new], held_back).sum())
    scores = {"proposed": count, "accuracy before": accuracy(folder, classes, held_back, new)}
    told = [topic["status"] != "steady" or topic["is_drifting"] for topic in changes["topics"]]
    scores["changing"] = float(np.mean(told))
    if count:
        scores["precision"] = right / count
    if held_back:
        scores |= {"recall": len(found) / len(held_back), "texts found": hits / of_held}
    return scores


def table(groups: dict[str, list[dict]]) -> str:
    """Markdown: a row for each corpus."""
    lines = ["| corpus | " + " | ".join(SCORES) + " |", "|---" * (1 + len(SCORES)) + "|"]
    for corpus, runs in groups.items():
        found = ([scores[name] for scores in runs if name in scores] for name in SCORES)
        cells = [spread(values) if values else "–" for values in found]
        lines.append(f"| {corpus} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    arguments, more = parser_of_corpora(__doc__, "updates").parse_known_args()
    print(table(run_corpora(arguments, more, run, name_of)))
