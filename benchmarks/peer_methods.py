"""Methods of grouping texts that people use today, each by its own library.

Runs in the peers' own environment.

python benchmarks/peer_methods.py METHOD ENCODER texts.json clusters.json NUM_CLUSTERS SEED
"""

import json
import sys
from pathlib import Path
from typing import Any


UMAP_SETTINGS = {
    "n_neighbors": 15,
    "n_components": 5,
    "min_dist": 0.0,
    "metric": "cosine",
}  # BERTopic's
MIN_CLUSTER_SIZE = 10  # BERTopic's


def encode(texts: list[str], encoder: str) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(encoder).encode(texts)


def kmeans(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    from sklearn.cluster import KMeans

    return (
        KMeans(num_clusters, n_init=10, random_state=seed)
        .fit_predict(encode(texts, encoder))
        .tolist()
    )


def hdbscan_on_umap(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    from sklearn.cluster import HDBSCAN
    from umap import UMAP

    reduced = UMAP(**UMAP_SETTINGS, random_state=seed).fit_transform(encode(texts, encoder))
    return HDBSCAN(min_cluster_size=MIN_CLUSTER_SIZE, copy=True).fit_predict(reduced).tolist()


def fit_bertopic(
    texts: list[str], encoder: str, num_clusters: int, seed: int, labels: list[int] | None = None
) -> tuple[Any, list[int], Any]:
    from bertopic import BERTopic
    from sentence_transformers import SentenceTransformer
    from umap import UMAP

    embeddings = encode(texts, encoder)
    model = BERTopic(
        embedding_model=SentenceTransformer(encoder),
        umap_model=UMAP(**UMAP_SETTINGS, random_state=seed),
        min_topic_size=MIN_CLUSTER_SIZE,
        nr_topics=num_clusters + 1,  # the outliers count as one
    )
    topics, _ = model.fit_transform(texts, embeddings, y=labels)
    return model, list(map(int, topics)), embeddings


def bertopic(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    return fit_bertopic(texts, encoder, num_clusters, seed)[1]


def bertopic_without_outliers(
    texts: list[str], encoder: str, num_clusters: int, seed: int
) -> list[int]:
    model, topics, embeddings = fit_bertopic(texts, encoder, num_clusters, seed)
    if -1 in topics:
        topics = model.reduce_outliers(texts, topics, strategy="embeddings", embeddings=embeddings)
    return list(map(int, topics))


def top2vec(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    from top2vec import Top2Vec

    umap_settings = UMAP_SETTINGS | {"random_state": seed}
    model = Top2Vec(
        texts,
        embedding_model="all-MiniLM-L6-v2",  # what is loaded stands in the path
        embedding_model_path=encoder,
        min_count=10,
        umap_args=umap_settings,
        hdbscan_args={"min_cluster_size": MIN_CLUSTER_SIZE},
        verbose=False,
    )
    reduced = model.get_num_topics() > num_clusters
    if reduced:
        model.hierarchical_topic_reduction(num_clusters)
    return model.get_documents_topics(list(range(len(texts))), reduced=reduced)[0].tolist()


def evoc(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    from evoc import EVoC

    model = EVoC(approx_n_clusters=num_clusters, random_state=seed)
    return model.fit_predict(encode(texts, encoder)).tolist()


def tritopic(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    from tritopic import TriTopic

    model = TriTopic(n_topics=num_clusters, random_state=seed, verbose=False)
    return model.fit_transform(texts, encode(texts, encoder)).tolist()


def turftopic_clustering(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    from sentence_transformers import SentenceTransformer
    from turftopic import ClusteringTopicModel

    model = ClusteringTopicModel(
        SentenceTransformer(encoder), n_reduce_to=num_clusters, random_state=seed
    )
    return model.fit_predict(texts, embeddings=encode(texts, encoder)).tolist()


def turftopic_kmeans(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    from sentence_transformers import SentenceTransformer
    from sklearn.cluster import KMeans
    from turftopic import ClusteringTopicModel

    model = ClusteringTopicModel(
        SentenceTransformer(encoder),
        clustering=KMeans(num_clusters, random_state=seed),  # its own advice for a set number
        random_state=seed,
    )
    return model.fit_predict(texts, embeddings=encode(texts, encoder)).tolist()


def senstopic(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    from sentence_transformers import SentenceTransformer
    from turftopic import SensTopic

    model = SensTopic(num_clusters, SentenceTransformer(encoder), random_state=seed)
    return strongest(model.fit_transform(texts, embeddings=encode(texts, encoder)))


def topeax(texts: list[str], encoder: str, num_clusters: int, seed: int) -> list[int]:
    from sentence_transformers import SentenceTransformer
    from turftopic import Topeax

    model = Topeax(SentenceTransformer(encoder), random_state=seed)  # takes no number
    return strongest(model.fit_transform(texts, embeddings=encode(texts, encoder)))


def strongest(topics: Any) -> list[int]:
    """Topic of each document by its weights, `(num_documents, num_topics)`; -1 if it has none."""
    return [int(row.argmax()) if row.any() else -1 for row in topics]


def bertopic_transform(
    task: dict[str, list], encoder: str, num_clusters: int, seed: int
) -> list[int]:
    """Topics of the task's `new` texts, of a model of its `texts`; outliers are reassigned."""
    model, _, _ = fit_bertopic(task["texts"], encoder, num_clusters, seed)
    embeddings = encode(task["new"], encoder)
    topics, _ = model.transform(task["new"], embeddings)
    if -1 in topics:
        topics = model.reduce_outliers(
            task["new"], list(topics), strategy="embeddings", embeddings=embeddings
        )
    return list(map(int, topics))


def bertopic_labelled(
    task: dict[str, list], encoder: str, num_clusters: int, seed: int
) -> list[int]:
    """Topics of the task's `texts`, of which some have `labels`, -1 the others; outliers are
    reassigned.
    """
    texts = task["texts"]
    model, topics, embeddings = fit_bertopic(texts, encoder, num_clusters, seed, task["labels"])
    if -1 in topics:
        topics = model.reduce_outliers(texts, topics, strategy="embeddings", embeddings=embeddings)
    return list(map(int, topics))


def bertopic_names(
    task: dict[str, list], encoder: str, num_clusters: int, seed: int
) -> dict[str, list[list[str]]]:
    """Keywords that BERTopic gives to the task's `clusters` of its `texts`, in two ways."""
    from bertopic import BERTopic
    from bertopic.cluster import BaseCluster
    from bertopic.dimensionality import BaseDimensionalityReduction
    from bertopic.representation import KeyBERTInspired
    from sentence_transformers import SentenceTransformer
    from sklearn.feature_extraction.text import CountVectorizer

    model = BERTopic(
        embedding_model=SentenceTransformer(encoder),
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=BaseCluster(),
        vectorizer_model=CountVectorizer(stop_words="english"),
        representation_model={"KeyBERT": KeyBERTInspired(random_state=seed)},
    )
    texts, clusters = task["texts"], task["clusters"]
    topics, _ = model.fit_transform(texts, encode(texts, encoder), y=clusters)
    topic_of = dict(zip(clusters, map(int, topics), strict=True))

    def words(told: dict[int, list]) -> list[list[str]]:
        return [
            [word for word, _ in told[topic_of[cluster]] if word] if cluster in topic_of else []
            for cluster in range(num_clusters)
        ]

    shown = {"BERTopic": model.get_topics(), "KeyBERT-inspired": model.topic_aspects_["KeyBERT"]}
    return {name: words(told) for name, told in shown.items()}


def setfit(task: dict[str, list], encoder: str, num_clusters: int, seed: int) -> list[int]:
    """Labels of the task's `texts`, by those of which `labels` say it, -1 the others."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    known = [
        (text, label)
        for text, label in zip(task["texts"], task["labels"], strict=True)
        if label >= 0
    ]
    texts, labels = map(list, zip(*known, strict=True))
    trainer = Trainer(
        model=SetFitModel.from_pretrained(encoder),
        args=TrainingArguments(
            save_strategy="no",
            num_epochs=1,
            num_iterations=20,
            batch_size=16,
            seed=seed,
            report_to="none",
        ),
        train_dataset=Dataset.from_dict({"text": texts, "label": labels}),
    )
    trainer.train()
    return list(map(int, trainer.model.predict(task["texts"], show_progress_bar=False)))


PEERS = {
    "k-means": kmeans,
    "HDBSCAN on UMAP": hdbscan_on_umap,
    "BERTopic": bertopic,
    "BERTopic, outliers reassigned": bertopic_without_outliers,
    "Top2Vec": top2vec,
    "TriTopic": tritopic,
    "Turftopic, clustering": turftopic_clustering,
    "Turftopic, k-means on t-SNE": turftopic_kmeans,
    "Turftopic, SensTopic": senstopic,
    "Turftopic, Topeax": topeax,
    "EVoC": evoc,
}

# Of more than texts: what `benchmarks.new_texts`, `benchmarks.labels` and `benchmarks.names` ask.
OTHERS = {
    "BERTopic, transform": bertopic_transform,
    "BERTopic, semi-supervised": bertopic_labelled,
    "BERTopic, names": bertopic_names,
    "SetFit": setfit,
}


if __name__ == "__main__":
    method, encoder, texts, answer, num_clusters, seed = sys.argv[1:]
    clusters = (PEERS | OTHERS)[method](
        json.loads(Path(texts).read_text()), encoder, int(num_clusters), int(seed)
    )
    Path(answer).write_text(json.dumps(clusters))
