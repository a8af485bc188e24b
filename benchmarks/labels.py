r"""What a few labels are worth: topics that are known of some texts, against a classifier of those
texts alone.

    python -m benchmarks.labels --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora stackoverflow.jsonl.gz:20:3000 --counts 1 3 5 10 --shares 1 0.5

Of each known class so many texts are labelled; a share of the classes is known. `classifier` is a
logistic regression on the encoder's embeddings. Scored are texts without a label: of known classes,
whether the topic is theirs (`known`), and all, whether the cluster is one that is matched to their
class (`all`), which no classifier of the known can do. With `--train` the model is trained too.
Figures are kept in `benchmarks/results/labels/`; a run that is there is not repeated.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.in_process import trainer_for
from benchmarks.quality import kept, name_of, parser_of_corpora, path_in, spread
from bert_clustering.clusters.metrics import clustering_accuracy
from bert_clustering.texts.documents import make_documents
from bert_clustering.texts.tables import read_columns


def run(
    encoder: str, corpus: str, label_column: str, seed: int, count: int, share: float, trains: bool
) -> dict[str, float]:
    """Share of the unlabelled texts that is right, by each way."""
    file, num_clusters, *sample = corpus.split(":")
    columns = read_columns(file, ("text", label_column))
    documents = make_documents(columns, file, label_column=label_column)
    documents = documents.sample(int(sample[0]), seed) if sample else documents
    classes, generator = documents.classes, np.random.default_rng(seed)
    names = generator.permutation(np.unique(classes))
    known = names[: max(1, round(share * len(names)))]
    labels = np.full(len(classes), None, dtype=object)
    for name in known:
        labels[generator.permutation(np.flatnonzero(classes == name))[:count]] = name
    rest, labelled = np.flatnonzero(labels == None), np.flatnonzero(labels != None)  # noqa: E711
    of_known = rest[np.isin(classes[rest], known)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "texts.jsonl")
        rows = zip(documents.texts, labels, strict=True)
        path.write_text("\n".join(json.dumps({"text": t, "known": label}) for t, label in rows))
        options = ["--known_label_column", "known", "--disable_tqdm", "true"]
        trainer, _ = trainer_for(encoder, f"{path}:{num_clusters}", seed, None, folder, options)
        trainer.initialize_clusters()
        embeddings = trainer.predict().embeddings
        found = {"start": trainer.clustering.start_clusters.numpy()}
        if trains:
            trainer.initialize_clusters = lambda: None  # they have started
            trainer.train()
            found["result"] = trainer.predict().clusters
    names_of = np.array([*trainer.known.names, *[""] * (int(num_clusters) - len(trainer.topics))])
    classifier = LogisticRegression(C=10, max_iter=500)
    classifier.fit(embeddings[labelled], labels[labelled].astype(str))
    said = classifier.predict(embeddings[of_known])
    scores = {"classifier_known": float((said == classes[of_known]).mean())}
    for way, clusters in found.items():
        scores[f"{way}_known"] = float((names_of[clusters[of_known]] == classes[of_known]).mean())
        scores[f"{way}_all"] = clustering_accuracy(classes[rest], clusters[rest])
    return scores


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


if __name__ == "__main__":
    parser = parser_of_corpora(__doc__, "labels")
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 3, 5, 10])
    parser.add_argument("--shares", nargs="+", type=float, default=[1.0, 0.5])
    parser.add_argument("--train", action="store_true")
    arguments = parser.parse_args()
    found: dict[tuple[str, float, int], list[dict]] = {}
    for seed in arguments.seeds:
        for corpus in arguments.corpora:
            for share in arguments.shares:
                for count in arguments.counts:
                    wanted = (corpus, arguments.label_column, seed, count, share, arguments.train)
                    words = (name_of(corpus), share, count, "trained" * arguments.train, seed)
                    path = path_in(arguments.results, *filter(str, words))
                    made = kept(path, lambda w=wanted: run(arguments.encoder, *w))
                    found.setdefault((name_of(corpus), share, count), []).append(made)
    print(table(found))
