r"""What training earns, seen on texts that it has not seen: the model before and after it, alone
and with a teacher, beside a classifier of the same clusters.

    python -m benchmarks.new_texts --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --teacher sentence-transformers/all-mpnet-base-v2 --corpora stackoverflow.jsonl.gz:20:1500

Corpora are those of `benchmarks.quality`; as many new texts are drawn as there are to train on, all
that are left where there are fewer. `untrained` is the encoder with the centroids of the start;
`classifier` a logistic regression on its embeddings and TF-IDF that is fitted to the start's
clusters, as one would do without training an encoder. With `--peers_python` (`benchmarks.peers`),
`BERTopic` is what its `transform` makes of them, outliers reassigned. Figures are kept in
`benchmarks/results/new_texts/`; a run that is there is not repeated.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from benchmarks.in_process import trainer_for
from benchmarks.peers import ask
from benchmarks.quality import kept, name_of, parser_of_corpora, path_in, spread
from bert_clustering.clusters.metrics import gold_scores
from bert_clustering.texts.documents import Documents, make_documents
from bert_clustering.texts.tables import read_columns


BERTOPIC = "BERTopic"


def halves(corpus: str, label_column: str, seed: int) -> tuple[Documents, Documents]:
    """Documents to train on, and new ones."""
    file, _, *sample = corpus.split(":")
    columns = read_columns(file, ("text", label_column))
    documents = make_documents(columns, file, label_column=label_column)
    size = int(sample[0]) if sample else len(documents) // 2
    order = np.random.default_rng(seed).permutation(len(documents))
    first, second = order[:size], order[size : 2 * size]
    return take(documents, np.sort(first)), take(documents, np.sort(second))


def take(documents: Documents, rows: np.ndarray) -> Documents:
    """Some of the documents."""
    texts = [documents.texts[row] for row in rows]
    return Documents([*range(len(rows))], texts, documents.usable[rows], documents.classes[rows])


def run(
    encoder: str, seen: Documents, new: Documents, num_clusters: str, seed: int, options: list[str]
) -> dict[str, dict[str, float]]:
    """Scores of each stage, on the texts to train on or on new ones."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "seen.jsonl")
        path.write_text("\n".join(json.dumps({"text": text}) for text in seen.texts))
        corpus = f"{path}:{num_clusters}"
        trainer, _ = trainer_for(encoder, corpus, seed, None, folder, options)
        trainer.initialize_clusters()
        clusters, untrained = trainer.clustering.start_clusters.numpy(), trainer.predict(new.texts)
        words = TfidfVectorizer(sublinear_tf=True, min_df=2).fit(seen.texts)
        embeddings = trainer.predict().embeddings
        classifier = LogisticRegression(max_iter=1000, C=10).fit(
            hstack([embeddings, words.transform(seen.texts)]), clusters
        )
        sorted_by_it = classifier.predict(
            hstack([untrained.embeddings, words.transform(new.texts)])
        )
        trainer.train()
        return {
            "start": gold_scores(seen.classes, clusters),
            "result": gold_scores(seen.classes, trainer.predict().clusters),
            "new_untrained": gold_scores(new.classes, untrained.clusters),
            "new_classifier": gold_scores(new.classes, sorted_by_it),
            "new_result": gold_scores(new.classes, trainer.predict(new.texts).clusters),
        }


def run_peer(
    python: str, encoder: str, seen: Documents, new: Documents, num_clusters: str, seed: int
) -> dict[str, dict[str, float]]:
    """Scores of BERTopic on new texts."""
    task, method = {"texts": seen.texts, "new": new.texts}, "BERTopic, transform"
    topics = ask(python, method, task, encoder, int(num_clusters), seed)[0]
    return {"new_result": gold_scores(new.classes, np.array(topics))}


def table(groups: dict[str, list[dict]]) -> str:
    """Markdown: a row for each corpus, accuracy and NMI of each stage, alone and with a teacher."""
    stages = ("start", "new_untrained", "new_classifier", "new_result")
    titles = ("start", "new: untrained", "new: classifier", "new: result")
    lines = ["| corpus | | " + " | ".join(titles) + " |", "|---" * (2 + len(stages)) + "|"]
    for corpus, runs in groups.items():
        for setting in runs[0]:
            cells = [
                " / ".join(
                    spread([run[setting][stage][score] for run in runs if setting in run])
                    for score in ("accuracy", "nmi")
                    if stage in runs[0][setting]
                )
                for stage in stages
            ]
            lines.append(f"| {corpus} | {setting} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = parser_of_corpora(__doc__, "new_texts")
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--peers_python")
    arguments, more = parser.parse_known_args()
    settings = {
        "alone": more,
        "with a teacher": ["--teacher_model_name_or_path", arguments.teacher, *more],
    }
    found: dict[str, list[dict]] = {}
    for seed in arguments.seeds:
        for corpus in arguments.corpora:
            seen, new = halves(corpus, arguments.label_column, seed)
            runs = {}
            for setting, options in settings.items():
                wanted = (arguments.encoder, seen, new, corpus.split(":")[1], seed, options)
                path = path_in(arguments.results, name_of(corpus), setting, seed)
                runs[setting] = kept(path, lambda wanted=wanted: run(*wanted))
            if arguments.peers_python:
                peer = (arguments.peers_python, arguments.encoder, seen, new, corpus.split(":")[1])
                path = path_in(arguments.results, name_of(corpus), BERTOPIC, seed)
                runs[BERTOPIC] = kept(path, lambda peer=peer, seed=seed: run_peer(*peer, seed))
            found.setdefault(name_of(corpus), []).append(runs)
    print(table(found))
