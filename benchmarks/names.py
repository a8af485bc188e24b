r"""What names are worth: the keywords of the same clusters, in several orders.

    python -m benchmarks.names --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --peers_python peers/bin/python --corpora banking77_train.jsonl.gz:77:1500

`by weight` is the order of the keywords' weights, `ours` that of `texts.rank_keywords`;
`BERTopic` and `KeyBERT-inspired` are what its c-TF-IDF and that representation of it name, with
English stop words, where `--peers_python` names an environment (`benchmarks.peers`). Clusters are
those of the start. Of the ten keywords of each: `npmi`, their normalised pointwise mutual
information in the texts (Lau et al., EACL 2014), -1 to 1; `diversity`, the share that no other
cluster has; `closeness`, the cosine of the first three, the name, with the name of the class that
most of the texts have. Figures are kept in `benchmarks/results/names/`.
"""

import tempfile
from itertools import combinations

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from benchmarks.in_process import trainer_for
from benchmarks.peers import ask
from benchmarks.quality import in_words, kept, name_of, parser_of_corpora, path_in, spread
from bert_clustering.texts.keywords import cluster_keywords
from bert_clustering.texts.words import WORD


SCORES = ("npmi", "diversity", "closeness")
MAX_LENGTH = 1000  # characters of a text that are read, as for keywords


def npmi(held: np.ndarray) -> float:
    """Mean over all pairs of terms of how much more often than by chance texts hold both; -1 for
    two that never meet.

    Args:
        held (`np.ndarray` of shape `(num_texts, num_terms)`): Whether a text holds a term.
    """
    shares, scores = held.mean(axis=0), []
    for one, other in combinations(range(held.shape[1]), 2):
        both = (held[:, one] & held[:, other]).mean()
        chance = shares[one] * shares[other]
        scores.append(np.log(both / chance) / -np.log(both) if 0 < both < 1 else -1.0)
    return float(np.mean(scores)) if scores else 0.0


def coherence(texts: list[str], keywords: list[list[str]]) -> float:
    """Mean of the clusters' `npmi`."""
    vocabulary = sorted({term for terms in keywords for term in terms})
    counter = CountVectorizer(
        token_pattern=WORD, ngram_range=(1, 2), vocabulary=vocabulary, binary=True
    )
    held = counter.transform([text[:MAX_LENGTH] for text in texts]).tocsc().astype(bool)
    places = {term: place for place, term in enumerate(vocabulary)}
    shown = [held[:, [places[term] for term in terms]].toarray() for terms in keywords if terms]
    return float(np.mean([npmi(columns[:, columns.any(axis=0)]) for columns in shown]))


def diversity(keywords: list[list[str]]) -> float:
    """Share of the keywords that are those of one cluster alone."""
    every = [term for terms in keywords for term in terms]
    return len(set(every)) / len(every)


def run(encoder: str, corpus: str, seed: int, label_column: str, python: str | None) -> dict:
    """Scores of all ways to name the clusters of a corpus' start."""
    num_clusters = int(corpus.split(":")[1])
    with tempfile.TemporaryDirectory() as folder:
        trainer, documents = trainer_for(encoder, corpus, seed, label_column, folder, [])
        trainer.initialize_clusters()
    texts, clusters = documents.texts, trainer.clustering.clusters.numpy()
    weighed = cluster_keywords(texts, clusters, num_clusters)
    ways = {"by weight": [list(weights) for weights in weighed], "ours": trainer.keywords}
    if python is not None:
        task = {"texts": texts, "clusters": clusters.tolist()}
        ways |= ask(python, "BERTopic, names", task, encoder, num_clusters, seed)[0]
    names, classes = np.unique(documents.classes, return_inverse=True)
    of_names = normalize(trainer.inference.encode_terms([*map(in_words, names)]))
    classes_of = [classes[clusters == cluster] for cluster in range(num_clusters)]
    scores = {}
    for way, keywords in ways.items():
        close = []
        for cluster, terms in enumerate(keywords):
            if terms and len(classes_of[cluster]):
                name = normalize(trainer.inference.encode_terms(terms[:3])).mean(axis=0)
                wanted = of_names[np.bincount(classes_of[cluster]).argmax()]
                close.append(float(wanted @ name / np.linalg.norm(name)))
        scores[way] = {
            "npmi": coherence(texts, keywords),
            "diversity": diversity(keywords),
            "closeness": float(np.mean(close)),
            "names": [", ".join(terms[:3]) for terms in keywords],
        }
    return scores


def table(groups: dict[str, list[dict]]) -> str:
    """Markdown: a row for each corpus and way."""
    lines = ["| corpus | keywords | " + " | ".join(SCORES) + " |", "|---" * 5 + "|"]
    for corpus, runs in groups.items():
        for way in runs[0]:
            cells = [spread([run[way][score] for run in runs]) for score in SCORES]
            lines.append(f"| {corpus} | {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = parser_of_corpora(__doc__, "names")
    parser.add_argument("--peers_python")
    arguments = parser.parse_args()
    groups: dict[str, list[dict]] = {}
    for corpus in arguments.corpora:
        for seed in arguments.seeds:
            wanted = (arguments.encoder, corpus, seed, arguments.label_column)

            def make(wanted: tuple = wanted) -> dict:
                return run(*wanted, arguments.peers_python)

            path = path_in(arguments.results, name_of(corpus), seed)
            groups.setdefault(name_of(corpus), []).append(kept(path, make))
    print(table(groups))


if __name__ == "__main__":
    main()
