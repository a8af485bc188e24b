r"""What a few labels are worth: topics that are known of some texts, against what learns of those
texts alone.

    python -m benchmarks.labels --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora stackoverflow.jsonl.gz:20:3000 --counts 1 3 5 10 --shares 1 0.5 --way start

Of each known class so many texts are labelled; a share of the classes is known. The ways are
`start`, the clusters that the labels steer, beside `classifier`, a logistic regression on the
encoder's embeddings; `train`, both and the trained model, also on as many new texts; `names`, the
clusters that nothing but the classes' names steer, beside the nearest name of each text; `SetFit`
and `BERTopic`, for which `--peers_python` names an environment (`benchmarks.peers`). Scored are
texts without a label: of known classes, whether the topic is theirs (`known`); all, whether the
cluster is one that is matched to their class (`all`), and of these the texts of unknown classes
(`unknown`), which no classifier of the known can sort. Figures are kept in
`benchmarks/results/labels/`; a run that is there is not repeated.
"""

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from benchmarks.in_process import trainer_for
from benchmarks.peers import ask
from benchmarks.quality import in_words, kept, name_of, parser_of_corpora, path_in, spread
from bert_clustering.clusters.metrics import in_matched_class
from bert_clustering.texts.documents import make_documents
from bert_clustering.texts.tables import read_columns


WAYS = ("start", "train", "names", "SetFit", "BERTopic")


class Task(NamedTuple):
    """Texts of which some are labelled.

    Args:
        texts (`list[str]`): The documents.
        classes (`np.ndarray` of shape `(num_documents,)`): Their gold classes.
        known (`np.ndarray`): Names of the known classes.
        labels (`np.ndarray` of shape `(num_documents,)`): Place of each document's class among
            them, -1 where nobody says it.
        new_texts (`list[str]`): Others, as many where there are so many.
        new_classes (`np.ndarray`): Their gold classes.
    """

    texts: list[str]
    classes: np.ndarray
    known: np.ndarray
    labels: np.ndarray
    new_texts: list[str]
    new_classes: np.ndarray


def make_task(corpus: str, label_column: str, seed: int, count: int, share: float) -> Task:
    """Texts of a corpus, `count` of each known class labelled."""
    file, _, *sample = corpus.split(":")
    columns = read_columns(file, ("text", label_column))
    every = make_documents(columns, file, label_column=label_column)
    documents = every.sample(int(sample[0]), seed) if sample else every
    classes, generator = documents.classes, np.random.default_rng(seed)
    names = generator.permutation(np.unique(classes))
    known = names[: max(1, round(share * len(names)))]
    labels = np.full(len(classes), -1)
    for number, name in enumerate(known):
        labels[generator.permutation(np.flatnonzero(classes == name))[:count]] = number
    others = np.setdiff1d(np.arange(len(every)), documents.ids)
    new = generator.permutation(others)[: len(documents)]
    new_texts = [every.texts[row] for row in new]
    return Task(documents.texts, classes, known, labels, new_texts, every.classes[new])


def score(task: Task, way: str, found: np.ndarray, names: Any = None) -> dict[str, float]:
    """Scores of the unlabelled texts by a way.

    Args:
        task (`Task`): The documents.
        way (`str`): What the scores are called by.
        found (`np.ndarray` of shape `(num_documents,)`): Numbers of topics: of those known, or of
            clusters.
        names (`Sequence[int]`, *optional*): Known class of each number, -1 for none. `None`: the
            number itself.
    """
    rest = np.flatnonzero(task.labels < 0)
    scores, of_known = {}, np.isin(task.classes, task.known)
    said = found if names is None else np.asarray(names)[found]
    rows = rest[of_known[rest]]
    right = (said[rows] >= 0) & (task.known[said[rows]] == task.classes[rows])
    scores[f"{way}_known"] = float(right.mean())
    if names is not None:
        matched = in_matched_class(task.classes[rest], found[rest])
        scores[f"{way}_all"] = float(matched.mean())
        if not of_known.all():
            scores[f"{way}_unknown"] = float(matched[~of_known[rest]].mean())
    return scores


def run(encoder: str, corpus: str, task: Task, seed: int, trains: bool) -> dict[str, float]:
    """Scores of the clusters that labels steer, and of a classifier of the labelled."""
    num_clusters = int(corpus.split(":")[1])
    names = [*range(len(task.known)), *[-1] * (num_clusters - len(task.known))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "texts.jsonl")
        labels = [None if label < 0 else f"topic {label}" for label in task.labels]
        rows = zip(task.texts, labels, strict=True)
        path.write_text("\n".join(json.dumps({"text": t, "known": label}) for t, label in rows))
        options = ["--known_label_column", "known", "--disable_tqdm", "true"]
        trainer, _ = trainer_for(encoder, f"{path}:{num_clusters}", seed, None, folder, options)
        trainer.initialize_clusters()
        numbers = [int(name.removeprefix("topic ")) for name in trainer.known.names]
        names[: len(numbers)] = numbers
        embeddings, labelled = trainer.predict().embeddings, task.labels >= 0
        classifier = LogisticRegression(C=10, max_iter=500)
        classifier.fit(embeddings[labelled], task.labels[labelled])
        scores = score(task, "classifier", classifier.predict(embeddings))
        scores |= score(task, "start", trainer.clustering.start_clusters.numpy(), names)
        if trains:
            new = task._replace(classes=task.new_classes, labels=np.full(len(task.new_classes), -1))
            untrained = trainer.predict(task.new_texts)
            said = classifier.predict(untrained.embeddings)
            scores |= score(new, "new_classifier", said)
            scores |= score(new, "new_untrained", untrained.clusters, names)
            trainer.train()
            scores |= score(task, "result", trainer.predict().clusters, names)
            scores |= score(new, "new_result", trainer.predict(task.new_texts).clusters, names)
    return scores


def run_names(encoder: str, corpus: str, task: Task, seed: int) -> dict[str, float]:
    """Scores of the clusters that the names of classes steer, and of the nearest name."""
    num_clusters = int(corpus.split(":")[1])
    topics = [*map(in_words, task.known)]
    with tempfile.TemporaryDirectory() as folder:
        path, file = Path(folder, "texts.jsonl"), Path(folder, "topics.json")
        path.write_text("\n".join(json.dumps({"text": text}) for text in task.texts))
        file.write_text(json.dumps([{"name": topic} for topic in topics]))
        options = ["--topics", str(file), "--disable_tqdm", "true"]
        trainer, _ = trainer_for(encoder, f"{path}:{num_clusters}", seed, None, folder, options)
        trainer.initialize_clusters()
        texts, names = (
            normalize(trainer.predict(words).embeddings) for words in (task.texts, topics)
        )
        scores = score(task, "nearest_name", (texts @ names.T).argmax(axis=1))
        numbers = [topics.index(name) for name in trainer.known.names]
        numbers += [-1] * (num_clusters - len(numbers))
        return scores | score(task, "start", trainer.clustering.start_clusters.numpy(), numbers)


def run_peer(
    python: str, way: str, encoder: str, corpus: str, task: Task, seed: int
) -> dict[str, float]:
    """Scores of another method that takes labels."""
    num_clusters = int(corpus.split(":")[1])
    method = {"SetFit": "SetFit", "BERTopic": "BERTopic, semi-supervised"}[way]
    content = {"texts": task.texts, "labels": task.labels.tolist()}
    found = np.array(ask(python, method, content, encoder, num_clusters, seed)[0])
    if way == "SetFit":
        return score(task, way, found)
    found -= min(found.min(), 0)  # outliers that are left are a topic
    # A topic is called by the class that most of its labelled texts have.
    names = np.full(found.max() + 1, -1)
    for topic in np.unique(found):
        labels = task.labels[(found == topic) & (task.labels >= 0)]
        if len(labels):
            names[topic] = np.bincount(labels).argmax()
    return score(task, way, found, names)


def table(groups: dict[tuple[str, float, int], list[dict]]) -> str:
    """Markdown: a row for each corpus, share of known classes and number of labels."""
    ways = list(dict.fromkeys(way for runs in groups.values() for run in runs for way in run))
    titles = [way.replace("_", ", ") for way in ways]
    lines = ["| corpus | classes known | texts per class | " + " | ".join(titles) + " |"]
    lines.append("|---" * (3 + len(ways)) + "|")
    for (corpus, share, count), runs in groups.items():
        cells = [spread([run[way] for run in runs if way in run]) for way in ways]
        lines.append(f"| {corpus} | {share:.0%} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = parser_of_corpora(__doc__, "labels")
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 3, 5, 10])
    parser.add_argument("--shares", nargs="+", type=float, default=[1.0, 0.5])
    parser.add_argument("--way", default="start", choices=WAYS)
    parser.add_argument("--peers_python")
    arguments = parser.parse_args()
    found: dict[tuple[str, float, int], list[dict]] = {}
    for seed in arguments.seeds:
        for corpus in arguments.corpora:
            for share in arguments.shares:
                for count in arguments.counts:
                    about = (corpus, arguments.label_column, seed, count, share)

                    def measure(corpus: str = corpus, about: Any = about, seed: int = seed) -> dict:
                        task, encoder, way = make_task(*about), arguments.encoder, arguments.way
                        if way == "names":
                            return run_names(encoder, corpus, task, seed)
                        if way in ("start", "train"):
                            return run(encoder, corpus, task, seed, way == "train")
                        return run_peer(arguments.peers_python, way, encoder, corpus, task, seed)

                    way = {"start": "", "train": "trained"}.get(arguments.way, arguments.way)
                    words = filter(str, (name_of(corpus), share, count, way, seed))
                    made = kept(path_in(arguments.results, *words), measure)
                    found.setdefault((name_of(corpus), share, count), []).append(made)
    print(table(found))


if __name__ == "__main__":
    main()
