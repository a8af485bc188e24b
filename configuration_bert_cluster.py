"""Configuration of `BertForClustering`: any masked-LM backbone, plus how its embeddings are
assigned to clusters.
"""

from typing import TYPE_CHECKING, Any, Literal

import transformers


if int(transformers.__version__.split(".")[0]) < 5:
    raise ImportError(
        f"BERT-Clustering needs transformers 5 or newer, found {transformers.__version__}. "
        'Run: pip install --upgrade "transformers>=5"'
    )

from huggingface_hub.dataclasses import strict  # noqa: E402
from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig  # noqa: E402


@strict
class BertClusterConfig(PreTrainedConfig):
    """Composite configuration.

    `num_clusters` is another name of `num_labels`; they and `id2label` always agree.

    Args:
        backbone_config (`PreTrainedConfig` or `dict`, *optional*): Configuration of the masked
            language model; a dictionary names its family by `model_type`. `None`: BERT.
        num_clusters (`int`, *optional*, defaults to 2): Number of clusters K, at least 2.
        alpha (`float`, *optional*): Degrees of freedom of the Student-t kernel. `None`: fitted to
            the embeddings when the clusters start, and again when they are done.
        kernel (`str`, *optional*, defaults to `"multiply"`): Scale s of the squared distance in q ~
            (1 + s d²)^(-(alpha + 1) / 2): `"multiply"` is s = alpha (Huang et al. 2020), `"divide"`
            is s = 1 / alpha (DEC, Xie et al. 2016, eq. 1).
        normalize_embeddings (`bool`, *optional*, defaults to `True`): Whether embeddings are scaled
            to unit length.
        typical_distance (`list[float]`, *optional*): Median and robust standard deviation of the
            training documents' distances to their centroids, by which a document that lies far from
            all of them is told.
        mlm_head_is_fresh (`bool`, *optional*, defaults to `False`): Whether the masked-LM head
            still holds random weights, because the checkpoint came without one.
        known_topics (`list[str]`, *optional*): Names of clusters that people gave, which stay where
            such a cluster is merged. `None`: none.
        levels (`list[list[int]]`, *optional*): For each coarser level of clusters, the coarsest
            first: the number of the coarser cluster that each of the clusters lies in. `None`:
            there are none. The probability of a coarser cluster is the sum of q over those in it.
        level_labels (`list[list[str]]`, *optional*): Names of the clusters of these levels.
        base_model (`str`, *optional*): Hub id of the encoder's checkpoint. `None`: it came from a
            folder.
        text_prefix (`str`, *optional*): What the tokenizer that is saved with the model puts before
            every text by itself, because the encoder wants it. `None`: nothing.
        long_documents (`str`, *optional*, defaults to `"head"`): What `ClusteringTrainer` makes the
            embedding of a document from that is longer than the tokenizer's limit: `"head"` is what
            comes before it, `"mean"` all windows of that length.
        segments (`str`, *optional*, defaults to `"text"`): What was clustered, and is predicted:
            whole texts, or with `"sentence"` their sentences.
        sentence_language (`str`, *optional*): ISO 639-1 code of the language by whose rules texts
            are cut into sentences. `None`: that is found from the texts.
    """

    model_type = "bert_cluster"
    sub_configs = {"backbone_config": AutoConfig}
    attribute_map = {"num_clusters": "num_labels"}
    keys_to_ignore_at_inference = ["mlm_loss", "embeddings", "last_hidden_state"]

    backbone_config: dict | PreTrainedConfig | None = None
    alpha: float | int | None = None
    kernel: Literal["multiply", "divide"] = "multiply"
    normalize_embeddings: bool = True
    typical_distance: list[float] | None = None
    mlm_head_is_fresh: bool = False
    known_topics: list[str] | None = None
    levels: list[list[int]] | None = None
    level_labels: list[list[str]] | None = None
    base_model: str | None = None
    text_prefix: str | None = None
    long_documents: Literal["head", "mean"] = "head"
    segments: Literal["text", "sentence"] = "text"
    sentence_language: str | None = None
    tie_word_embeddings: bool = True

    if TYPE_CHECKING:  # what transformers makes of the fields, and checkers cannot see
        num_clusters: int
        id2label: dict[int, str]

        def __init__(self, **kwargs: Any) -> None: ...

    def __post_init__(self, **kwargs: Any) -> None:
        if not isinstance(self.backbone_config, PreTrainedConfig):
            backbone = dict(self.backbone_config or {})
            self.backbone_config = CONFIG_MAPPING[backbone.pop("model_type", "bert")](**backbone)
        self.tie_word_embeddings = self.backbone_config.tie_word_embeddings
        # The names a saved model loads by; `save_pretrained` adds the two modules.
        self.auto_map = {
            "AutoConfig": "configuration_bert_cluster.BertClusterConfig",
            "AutoModel": "modeling_bert_cluster.BertForClustering",
            "AutoModelForSequenceClassification": "modeling_bert_cluster.BertForClustering",
        }
        num_clusters = kwargs.pop("num_clusters", kwargs.pop("num_labels", None))
        super().__post_init__(**kwargs)
        num_clusters = self.num_clusters if num_clusters is None else num_clusters
        if num_clusters < 2:
            raise ValueError(f"num_clusters={num_clusters}: at least 2 clusters are needed.")
        if self.alpha is not None and not self.alpha > 0:
            raise ValueError(f"alpha={self.alpha}: it must be larger than 0.")
        self.num_clusters = num_clusters
        for parents in self.levels or []:
            if len(parents) != num_clusters:
                raise ValueError(
                    f"levels: expected the coarser cluster of each of {num_clusters} clusters, got "
                    f"{len(parents)}."
                )

    @property
    def hidden_size(self) -> int:
        """Width D of the embeddings."""
        return self.get_text_config().hidden_size

    def get_text_config(self, *args: Any, **kwargs: Any) -> PreTrainedConfig:
        """The backbone's configuration, which holds the vocabulary (`resize_token_embeddings` asks
        for it).
        """
        assert isinstance(self.backbone_config, PreTrainedConfig)  # since `__post_init__`
        return self.backbone_config


BertClusterConfig.register_for_auto_class()
