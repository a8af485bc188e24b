r"""Messages of several topics: how well the topics of a message, and their shares, are found by
clustering its sentences, and by clustering messages whole.

    python -m benchmarks.segments --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora snips7.jsonl.gz:7:400 stackoverflow.jsonl.gz:20:400 --seeds 42 43 44

Corpora are those of `benchmarks.quality`, but the number of texts is one of messages: each is made
of one, two or three texts of different classes, which get a full stop where they end in no mark;
half of the messages begin with 'Hi!', and half end with 'Thanks.' `whole` gives a message the one
topic that it is in, `whole, mix` all that its soft assignment gives a tenth to, `sentences` what
`--segments sentence` does, and `every sentence` the same where short ones stand alone. Clusters are
matched to classes one to one, by what messages hold of both. Figures are kept in
`benchmarks/results/segments/`; a run that is there is not repeated.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.in_process import trainer_for
from benchmarks.quality import parser_of_corpora, run_corpora, spread
from bert_clustering.clusters.mixtures import mix_parts
from bert_clustering.texts.segments import FEWEST_LETTERS, split_text
from bert_clustering.texts.tables import read_columns


LEAST = 0.1  # of a soft assignment that counts as a topic
WAYS = ("whole", "whole, mix", "sentences", "every sentence")
SCORES = ("precision", "recall", "share error")


def make_messages(corpus: str, label_column: str, seed: int) -> tuple[list[str], np.ndarray]:
    """Messages, and how much of each is of each class, `(num_messages, num_classes)`, by
    characters.
    """
    file, _, size = corpus.split(":")
    columns = read_columns(file, ("text", label_column))
    names, classes = np.unique([*map(str, columns[label_column])], return_inverse=True)
    generator = np.random.default_rng(seed)
    left = [*generator.permutation(len(classes)).tolist()]
    messages, truth = [], np.zeros((int(size), len(names)))
    for shares in truth:
        parts = ["Hi!"] if generator.random() < 0.5 else []
        for _ in range(generator.integers(1, 4)):
            row = next(row for row in left if not shares[classes[row]])
            left.remove(row)
            text = columns["text"][row].strip()
            parts.append(text if text[-1] in ".!?" else f"{text}.")
            shares[classes[row]] = len(parts[-1])
        parts += ["Thanks."] if generator.random() < 0.5 else []
        messages.append(" ".join(parts))
    return messages, truth / truth.sum(axis=1, keepdims=True)


def run(encoder: str, corpus: str, seed: int, label_column: str, options: list[str]) -> dict:
    """Scores of each way to find the topics of messages."""
    messages, truth = make_messages(corpus, label_column, seed)
    whole = assign(encoder, messages, corpus, seed, options)
    shares = {"whole": np.eye(whole.shape[1])[whole.argmax(axis=1)], "whole, mix": whole}
    for way, fewest in (("sentences", FEWEST_LETTERS), ("every sentence", 0)):
        parts = [split_text(message, fewest=fewest) for message in messages]
        owners = np.repeat(np.arange(len(parts)), [len(found) for found in parts])
        texts = [sentence for found in parts for sentence in found]
        q = assign(encoder, texts, corpus, seed, options)
        lengths = np.array([len(text) for text in texts])
        shares[way] = mix_parts(q.argmax(axis=1), owners, lengths, q.shape[1]).toarray()
    return {
        way: score(found, truth, LEAST if way == "whole, mix" else 0)
        for way, found in shares.items()
    }


def assign(
    encoder: str, texts: list[str], corpus: str, seed: int, options: list[str]
) -> np.ndarray:
    """Soft assignments of texts by a model that was trained on them, `(num_texts,
    num_clusters)`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "texts.jsonl")
        path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
        spec = f"{path}:{corpus.split(':')[1]}"
        trainer, _ = trainer_for(encoder, spec, seed, None, folder, options)
        trainer.train()
        return trainer.predict().predictions


def score(shares: np.ndarray, truth: np.ndarray, least: float) -> dict[str, float]:
    """Precision and recall of the topics of all messages, and half the sum of what their shares are
    wrong by, on average.

    Args:
        shares (`np.ndarray` of shape `(num_messages, num_clusters)`): That were found.
        truth (`np.ndarray` of shape `(num_messages, num_classes)`): As they are.
        least (`float`): A share above that is a topic.
    """
    clusters, classes = linear_sum_assignment(shares.T @ truth, maximize=True)
    matched = np.zeros_like(truth)
    matched[:, classes] = shares[:, clusters]
    hits = ((matched > least) & (truth > 0)).sum()
    lost = shares.sum(axis=1) - matched.sum(axis=1)  # in clusters without a class
    wrong = (np.abs(matched - truth).sum(axis=1) + lost) / 2
    return {
        "precision": float(hits / (shares > least).sum()),
        "recall": float(hits / (truth > 0).sum()),
        "share error": float(wrong.mean()),
    }


def table(groups: dict[str, list[dict]]) -> str:
    """Markdown: a row for each corpus and way."""
    lines = ["| corpus | clustered | " + " | ".join(SCORES) + " |", "|---" * 5 + "|"]
    for corpus, runs in groups.items():
        for way in WAYS:
            cells = [spread([found[way][name] for found in runs]) for name in SCORES]
            lines.append(f"| {corpus} | {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    arguments, more = parser_of_corpora(__doc__, "segments").parse_known_args()
    print(table(run_corpora(arguments, more, run)))
