"""`TextClustering`: texts to topics after scikit-learn's conventions."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from transformers import set_seed

from .errors import InputError
from .publishing import hub_files
from .reports import (
    ClusteringResult,
    RunFolder,
    describe_for_card,
    draw_interactive_map,
    gather_result,
    share_out,
    topic_rows,
    write_report,
    write_results,
)
from .texts import (
    SENTENCE,
    Documents,
    KnownTopics,
    Sentences,
    check_enough_documents,
    choose_encoder,
    make_text_documents,
    split_documents,
)
from .trainer import ClusteringTrainer
from .training.arguments import ClusteringTrainingArguments
from .training.loading import find_segments, load_model, load_tokenizer
from .training.run_arguments import DataArguments, ModelArguments, allow_auto


class TextClustering(ClusterMixin, TransformerMixin, BaseEstimator):
    """Groups texts by meaning, and sorts new ones.

    Args:
        num_clusters (`int` or `"auto"`, *optional*, defaults to `"auto"`): Number of clusters K;
            `"auto"` finds it.
        encoder (`str`, *optional*): Hub id or folder of an encoder. `None`: a small one,
            multilingual where the texts are not in English.
        text_prefix (`str`, *optional*): What the encoder wants before every text. `None`: what its
            configuration says.
        max_seq_length (`int`, *optional*): Tokens that are read of each text. `None`: the model's
            own limit, 128 at most.
        segments (`str`, *optional*, defaults to `"text"`): What is clustered: each text as a whole,
            or with `"sentence"` its sentences, so that a text is a mix of clusters.
        num_train_epochs (`float`, *optional*, defaults to 1.0): Passes over the texts, at most; 0
            leaves the encoder as it is.
        random_state (`int`, *optional*, defaults to 42): Seed of all that is random.
        verbose (`bool`, *optional*, defaults to `False`): Whether to show progress.
        training_arguments (`dict`, *optional*): More of `ClusteringTrainingArguments`, by name.

    Attributes:
        labels_ (`np.ndarray` of shape `(num_texts,)`): Cluster of each text; the one with the
            largest share of it, where sentences are clustered.
        probabilities_ (`np.ndarray` of shape `(num_texts,)`): Probability of that cluster; its mean
            over the sentences in it.
        embeddings_ (`np.ndarray` of shape `(num_texts, hidden_size)`): Embeddings of the texts, or
            of all their sentences.
        topics_ (`pd.DataFrame`): A row per cluster, the largest first, its number the index:
            `label`, `size`, `share`, `keywords`, `examples`, `stability` and `probability`; of
            sentences also `texts`: in how many they are.
        model_ (`BertForClustering`): The model.

    Example (`texts` and `new_texts` are lists of strings):

        clustering = TextClustering(num_clusters=8).fit(texts)
        clustering.topics_
        clustering.predict(new_texts)
    """

    _trainer: ClusteringTrainer
    _documents: Documents | None
    _result: ClusteringResult | None

    def __init__(
        self,
        num_clusters: int | str = "auto",
        *,
        encoder: str | None = None,
        text_prefix: str | None = None,
        max_seq_length: int | None = None,
        segments: str = "text",
        num_train_epochs: float = 1.0,
        random_state: int = 42,
        verbose: bool = False,
        training_arguments: dict[str, Any] | None = None,
    ) -> None:
        self.num_clusters = num_clusters
        self.encoder = encoder
        self.text_prefix = text_prefix
        self.max_seq_length = max_seq_length
        self.segments = segments
        self.num_train_epochs = num_train_epochs
        self.random_state = random_state
        self.verbose = verbose
        self.training_arguments = training_arguments

    def fit(
        self,
        X: Iterable[str],  # noqa: N803 (scikit-learn's name)
        y: Any = None,
        known_topics: KnownTopics | list[str | None] | None = None,
    ) -> "TextClustering":
        """Find the clusters of texts, and train the encoder on them.

        Args:
            X (`Iterable[str]`): The texts.
            y (*optional*): Not used; it is there by convention.
            known_topics (`KnownTopics` or `list[str | None]`, *optional*): Topics that are known of
                some texts, `None` for the others; their clusters come first. Not of sentences.

        Raises:
            InputError: The texts are no strings with words, too few for the clusters, or an
                argument cannot be used.
        """
        documents = make_text_documents(X)
        encoder, prefix = self.encoder, self.text_prefix
        if encoder is None:
            encoder, needed = choose_encoder(documents.texts)
            prefix = needed if prefix is None else prefix
        has_levels = "levels" in (self.training_arguments or {}) and self.num_clusters == "auto"
        num_clusters = None if has_levels else str(self.num_clusters)
        model_args = ModelArguments(
            encoder, text_prefix=prefix, num_clusters=num_clusters, segments=self.segments
        )
        if self.segments == SENTENCE:
            if known_topics is not None:
                raise InputError(
                    "known_topics are of texts, segments='sentence' clusters sentences. Leave one "
                    "of them out."
                )
            documents = split_documents(documents, find_segments(model_args)[1])
        trainer = self._make_trainer(model_args, documents, known_topics, do_train=True)
        metrics = trainer.train().metrics
        self._trainer, self._documents = trainer, documents
        self._result = self._gather(documents, metrics, RunFolder(encoder))
        return self

    def fit_predict(
        self,
        X: Iterable[str],  # noqa: N803
        y: Any = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """`fit`, and the cluster of each text, `(num_texts,)`."""
        return self.fit(X, y, **kwargs).labels_

    def fit_transform(
        self,
        X: Iterable[str],  # noqa: N803
        y: Any = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """`fit`, and the soft assignments of the texts, as `transform` gives them."""
        told = self.fit(X, y, **kwargs)._told
        return told.q if told.mix is None else told.mix.shares.toarray()

    def predict(self, X: Iterable[str]) -> np.ndarray:  # noqa: N803
        """Cluster of each text, `(num_texts,)`."""
        return self.transform(X).argmax(axis=1)

    def transform(self, X: Iterable[str]) -> np.ndarray:  # noqa: N803
        """Soft assignments q of texts, `(num_texts, num_clusters)`, or the shares of their
        sentences in each cluster; rows sum to 1.
        """
        check_is_fitted(self)
        documents, config = make_text_documents(X), self.model_.config
        if config.segments != SENTENCE:
            return self._trainer.predict(documents.texts).predictions
        sentences = split_documents(documents, config.sentence_language)
        return share_out(sentences, self._trainer.predict(sentences.texts).predictions)

    @property
    def labels_(self) -> np.ndarray:
        return self._told.document_clusters

    @property
    def probabilities_(self) -> np.ndarray:
        mix = self._told.mix
        return self._told.probabilities if mix is None else mix.values[:, 0]

    @property
    def embeddings_(self) -> np.ndarray:
        return self._told.embeddings

    @property
    def model_(self) -> Any:
        check_is_fitted(self)
        return self._trainer.model

    @property
    def topics_(self) -> pd.DataFrame:
        return pd.DataFrame(topic_rows(self._told)).set_index("cluster")

    def map(self) -> Figure:
        """The map of the texts, a figure of Plotly: a point per text, coloured by cluster."""
        return draw_interactive_map(self._told)

    def report(self, path: str | Path) -> Path:
        """Write the report, a page that opens from disk, and return where it is. It quotes texts.

        Args:
            path (`str` or `Path`): The file, which takes the place of one that is there.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_report(path, self._told)
        return path

    def save(self, folder: str | Path) -> Path:
        """Write the model, loadable by `AutoModel` too, and the results beside it, in `results/`,
        which quote texts; return the folder.

        Args:
            folder (`str` or `Path`): A folder that holds no model.

        Raises:
            InputError: It holds one.
        """
        result, folder = self._told, Path(folder)
        if found := hub_files(folder):
            raise InputError(
                f"'{folder}': expected a folder without a model, got one that holds {found[0]}. "
                "Choose another, or delete it."
            )
        self._trainer.args.output_dir = str(folder)
        self._trainer.save_model()
        self._trainer.save_state()
        write_results(result, folder)
        self._trainer.create_model_card()
        return folder

    @classmethod
    def load(cls, name: str | Path) -> "TextClustering":
        """A model that `save`, or the command, has written.

        Where its results stand beside it, the texts are read from there once `topics_` or the like
        is asked for.

        Args:
            name (`str` or `Path`): A folder, or a Hub id.

        Raises:
            InputError: It is no model of ours.
        """
        self = cls(encoder=str(name))
        folder = RunFolder(name)
        self._documents = folder.documents() if folder.has_documents else None
        model_args = ModelArguments(str(name))
        self._trainer = self._make_trainer(model_args, self._documents, do_report=True)
        config = self._trainer.model.config
        self.num_clusters, self.segments = config.num_clusters, config.segments
        self._result = None
        return self

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> Any:
        """Upload the model with its card, and none of the texts.

        Args:
            repo_id (`str`): Of the repository, which is made where there is none.
            **kwargs: Of `ClusteringTrainer.push_to_hub`, as `private` and `token`.
        """
        check_is_fitted(self)
        self._trainer.args.hub_model_id = repo_id
        self._trainer.init_hf_repo(kwargs.get("token"), kwargs.get("private"))
        return self._trainer.push_to_hub(**kwargs)

    @property
    def _told(self) -> ClusteringResult:
        """What there is to tell of the texts."""
        check_is_fitted(self)
        if self._result is None:
            if self._documents is None:
                raise AttributeError(
                    "The texts that the model was trained on are not with it. Load the folder "
                    "that holds its results/, or call predict(texts)."
                )
            self._result = self._gather(self._documents, {}, RunFolder(str(self.encoder)))
        return self._result

    def _gather(
        self, documents: Documents, metrics: dict[str, Any], origin: RunFolder
    ) -> ClusteringResult:
        """The result of the documents under the model as it stands."""
        data_args = DataArguments("texts")
        result: Any = gather_result(self._trainer, documents, data_args, metrics, origin)
        self._trainer.card |= describe_for_card(result)
        return result

    def _make_trainer(
        self,
        model_args: ModelArguments,
        documents: Documents | None,
        known_topics: KnownTopics | list[str | None] | None = None,
        **arguments: Any,
    ) -> ClusteringTrainer:
        """The trainer of the documents."""
        self._folder = TemporaryDirectory()  # gone when the estimator is
        args = ClusteringTrainingArguments(
            self._folder.name,
            num_train_epochs=self.num_train_epochs,
            seed=self.random_state,
            disable_tqdm=not self.verbose,
            **{"save_strategy": "no", "report_to": "none"}
            | arguments
            | (self.training_arguments or {}),
        )
        allow_auto(model_args, args)
        if documents is not None and args.do_train:
            least = model_args.cluster_arguments.get("num_clusters", 2)
            check_enough_documents(documents, least, "texts")
        set_seed(args.seed)
        data_args = DataArguments(max_seq_length=self.max_seq_length)
        tokenizer = load_tokenizer(model_args, data_args, args)
        model = load_model(model_args, args)
        if isinstance(documents, Sentences) and documents.language:
            model.config.sentence_language = documents.language
        return ClusteringTrainer(
            model,
            args,
            train_dataset=documents.usable_texts if documents else None,
            processing_class=tokenizer,
            known_topics=known_topics,
        )

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "_trainer"):
            raise TypeError("A fitted TextClustering is no pickle: call save(folder), and load.")
        return super().__getstate__()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_trainer")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array = True, True
        tags.input_tags.two_d_array = False
        return tags

    def _repr_html_inner(self) -> str:
        """In a notebook, the topics once there are some."""
        if getattr(self, "_result", None) is None:
            return super()._repr_html_inner()
        return self.topics_.to_html(escape=True)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_inner()}
