"""`BertForClustering`: a masked language model whose pooled embeddings are softly assigned to
learnable centroids.

    z = mean of the last hidden states over real tokens (L2-normalised on request)
    q_ij ~ (1 + s ||z_i - r_j||²)^(-(alpha + 1) / 2),  normalised over the clusters j

after Huang et al., "Unsupervised Fine-tuning for Text Clustering" (COLING 2020), and DEC (Xie et
al., ICML 2016). The model returns log q as `logits`, so that `softmax(logits)` is q. The clustering
loss needs the whole training set and is the trainer's; the masked-LM loss is computed here. This
file travels to the Hub with every model.
"""

import os
from dataclasses import dataclass
from typing import Any


from .configuration_bert_cluster import BertClusterConfig  # isort: skip (it checks transformers)

import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoModelForMaskedLM,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.utils import ModelOutput, can_return_tuple
from transformers.utils import logging as transformers_logging


logger = transformers_logging.get_logger(__name__)

HUB_ARGUMENTS = (
    "revision",
    "token",
    "cache_dir",
    "local_files_only",
    "subfolder",
    "force_download",
    "proxies",
)
# Dropout of attention weights keeps torch from its fused kernels: at 256 tokens a training step
# takes half as long without it, and a third less memory, to no measured harm.
ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")
CLUSTER_ARGUMENTS = (
    "num_clusters",
    "num_labels",
    "id2label",
    "alpha",
    "kernel",
    "normalize_embeddings",
    "long_documents",
    "segments",
)


def soft_assignment(
    embeddings: torch.Tensor, centroids: torch.Tensor, alpha: float, kernel: str
) -> torch.Tensor:
    """Log of the Student-t soft assignment q of embeddings to centroids, in float32 whatever
    autocast says.

    Args:
        embeddings (`torch.Tensor` of shape `(batch_size, hidden_size)`): Document embeddings z.
        centroids (`torch.Tensor` of shape `(num_clusters, hidden_size)`): Centroids r.
        alpha (`float`): Degrees of freedom of the kernel, larger than 0.
        kernel (`str`): Scale of the squared distance: `"multiply"` by alpha (Huang et al. 2020),
            `"divide"` by 1 / alpha (DEC, Xie et al. 2016, eq. 1).

    Returns:
        `torch.Tensor` of shape `(batch_size, num_clusters)`: log q; the rows of its exponential sum
            to 1.

    Example:
        >>> z, r = torch.tensor([[0.0]]), torch.tensor([[0.0], [1.0]])
        >>> soft_assignment(z, r, alpha=1.0, kernel="divide").exp()  # 1 : 1/2
        tensor([[0.6667, 0.3333]])
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        z, r = embeddings.float(), centroids.float()
        squared_distances = z.square().sum(1, keepdim=True) + r.square().sum(1) - 2 * z @ r.T
        scale = alpha if kernel == "multiply" else 1 / alpha
        log_kernel = -(alpha + 1) / 2 * torch.log1p(scale * squared_distances.clamp(min=0))
        return log_kernel.log_softmax(dim=1)


def check_masked_lm(model_type: str | None, name: str) -> None:
    """Raise `ValueError` unless `model_type` is a family of encoders that `AutoModelForMaskedLM`
    builds.
    """
    if (
        model_type is None
        or model_type not in CONFIG_MAPPING
        or (config_class := CONFIG_MAPPING[model_type]) not in MODEL_FOR_MASKED_LM_MAPPING
        or config_class().is_encoder_decoder
    ):
        raise ValueError(
            f"'{name}' is a checkpoint of type '{model_type}', which is no masked-language-model "
            "encoder. Use one of the BERT kind: BERT, DistilBERT, RoBERTa, XLM-RoBERTa, MPNet, "
            "ELECTRA, ModernBERT, DeBERTa-v2."
        )


@dataclass
class ClusteringOutput(ModelOutput):
    """Output of `BertForClustering`.

    Args:
        loss, mlm_loss (`torch.FloatTensor` of shape `()`, *optional*, with `labels`): Both the
            masked-LM loss.
        logits (`torch.FloatTensor` of shape `(batch_size, num_clusters)`): log q; `softmax(logits)`
            is q.
        embeddings (`torch.FloatTensor` of shape `(batch_size, hidden_size)`): Document embeddings
            z, float32.
        last_hidden_state (`torch.FloatTensor` of shape `(batch_size, sequence_length,
            hidden_size)`): Token states.
    """

    loss: torch.Tensor | None = None
    mlm_loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None


class ClusterHead(nn.Module):
    """Learnable centroids, float32 in every dtype.

    Until a start is made they are zero, and q uniform at any alpha.
    """

    def __init__(self, config: BertClusterConfig) -> None:
        super().__init__()
        self.config = config
        self.centroids = nn.Parameter(torch.zeros(config.num_clusters, config.hidden_size))

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        return soft_assignment(
            embeddings, self.centroids, self.config.alpha or 1.0, self.config.kernel
        )


class BertForClustering(PreTrainedModel):
    """A masked language model with cluster centroids over its mean-pooled embeddings."""

    config: BertClusterConfig
    config_class = BertClusterConfig
    base_model_prefix = "backbone"
    accepts_loss_kwargs = supports_gradient_checkpointing = True
    # What the backbone cannot do, it refuses itself.
    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = _supports_attention_backend = True
    _keep_in_fp32_modules_strict = ["cluster_head"]

    def __init__(self, config: BertClusterConfig, backbone: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        self.backbone = (
            AutoModelForMaskedLM.from_config(config.backbone_config)
            if backbone is None
            else backbone
        )
        self.cluster_head = ClusterHead(config)
        self.mlm_head_learns_alone = False  # on hidden states without a gradient
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, ClusterHead):
            init.zeros_(module.centroids)

    @classmethod
    def from_pretrained(  # type: ignore[override]  # a checkpoint has to be named
        cls,
        pretrained_model_name_or_path: str,
        *args: Any,
        config: PreTrainedConfig | None = None,
        **kwargs: Any,
    ) -> "BertForClustering":
        """Load one of our own checkpoints, or put clusters on a plain encoder checkpoint.

        Args:
            pretrained_model_name_or_path (`str`): A Hub id or folder: one of ours, or any masked-LM
                encoder, with or without its head (`from_encoder`).
            kwargs: `num_clusters`, `alpha`, `kernel`, `normalize_embeddings`, and those of
            `PreTrainedModel`. Another
                `num_clusters` than one of ours holds needs `ignore_mismatched_sizes=True` and drops
                its centroids.

        Raises:
            ValueError: The checkpoint is no masked-LM encoder, a part of its encoder is missing, or
                it holds another number of clusters.
        """
        hub = {key: kwargs[key] for key in HUB_ARGUMENTS if key in kwargs}
        checkpoint, _ = PreTrainedConfig.get_config_dict(pretrained_model_name_or_path, **hub)
        if checkpoint.get("model_type") == cls.config_class.model_type:
            saved = cls.config_class.from_dict(checkpoint).num_labels
            wanted = kwargs.get("num_clusters", kwargs.get("num_labels"))
            if wanted not in (None, saved) and not kwargs.get("ignore_mismatched_sizes"):
                raise ValueError(
                    f"'{pretrained_model_name_or_path}' holds {saved} clusters, "
                    f"num_clusters={wanted} was asked for. Leave it out to keep them, or pass "
                    "ignore_mismatched_sizes=True to start anew."
                )
            if wanted not in (None, saved):  # of other clusters
                kwargs = {"levels": None, "level_labels": None} | kwargs
            return super().from_pretrained(
                pretrained_model_name_or_path, *args, config=config, **kwargs
            )
        check_masked_lm(checkpoint.get("model_type"), pretrained_model_name_or_path)
        if config is not None:
            raise ValueError(
                "`config` would replace the encoder's own. Pass num_clusters, alpha, ... by name."
            )
        no_dropout = {name: 0.0 for name in ATTENTION_DROPOUT if name in checkpoint}
        return cls.from_encoder(pretrained_model_name_or_path, **(no_dropout | kwargs))

    @classmethod
    def from_encoder(cls, name_or_path: str, **kwargs: Any) -> "BertForClustering":
        """Put zero centroids on a plain masked-LM checkpoint; a missing head starts random and is
        marked fresh.
        """
        wants_info = kwargs.pop("output_loading_info", False)
        cluster_arguments = {key: kwargs.pop(key) for key in CLUSTER_ARGUMENTS if key in kwargs}
        verbosity = transformers_logging.get_verbosity()
        transformers_logging.set_verbosity_error()  # it would call a headless checkpoint corrupted
        try:
            backbone, info = AutoModelForMaskedLM.from_pretrained(
                name_or_path, output_loading_info=True, **kwargs
            )
        finally:
            transformers_logging.set_verbosity(verbosity)
        missing = set(info["missing_keys"]) | {key for key, *_ in info["mismatched_keys"]}
        lost = sorted(key for key in missing if key.startswith(backbone.base_model_prefix + "."))
        if lost:
            raise ValueError(
                f"'{name_or_path}' lacks {len(lost)} weights of its encoder "
                f"({', '.join(lost[:3])}, ...), which would start random. Is the checkpoint whole, "
                "and does its config.json belong to it?"
            )
        if missing:
            logger.info(
                "'%s' has no masked-LM head: its %d weights start random.",
                name_or_path,
                len(missing),
            )
        backbone.config.name_or_path = ""  # it may be a local path, and config.json is published
        config = cls.config_class(
            backbone_config=backbone.config,
            mlm_head_is_fresh=bool(missing),
            base_model=None if os.path.exists(name_or_path) else name_or_path,
            # A composite config hands its own choice, else None, down to the backbone: attention
            # would lose its mask.
            attn_implementation=backbone.config._attn_implementation,
            **cluster_arguments,
        )
        model = cls(config, backbone=backbone).eval()
        model.cluster_head.to(backbone.device)
        # A pair is what transformers returns then, which its own annotations do not say.
        return (model, info) if wants_info else model  # type: ignore[return-value]

    @property
    def has_clusters(self) -> bool:
        """Whether a start has been made, here or before the checkpoint was saved."""
        return bool(self.cluster_head.centroids.any())

    def resize_clusters(self, num_clusters: int) -> None:
        """Have another number of clusters, none of which has a start or a name yet."""
        self.config.levels = self.config.level_labels = None
        self.config.num_labels = num_clusters
        self.cluster_head = ClusterHead(self.config).to(self.cluster_head.centroids.device)

    def mlm_head_parameters(self) -> list[nn.Parameter]:
        """Parameters of the masked-LM head that are not tied to the encoder."""
        encoder = {id(parameter) for parameter in self.backbone.base_model.parameters()}
        return [
            parameter for parameter in self.backbone.parameters() if id(parameter) not in encoder
        ]

    def get_output_embeddings(self) -> nn.Module:
        return self.backbone.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.backbone.set_output_embeddings(new_embeddings)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.LongTensor | None = None,
        labels: torch.LongTensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs: Any,
    ) -> ClusteringOutput:
        """One pass of the encoder for the embeddings, q and, with `labels`, the masked-LM loss.

        Args:
            input_ids (`torch.LongTensor` of shape `(batch_size, sequence_length)`): Token ids.
            attention_mask (`torch.Tensor` of shape `(batch_size, sequence_length)`, *optional*): 1
                for real tokens, 0 for padding. `None`: all are real.
            token_type_ids (`torch.LongTensor` of shape `(batch_size, sequence_length)`,
                *optional*): Segments.
            labels (`torch.LongTensor` of shape `(batch_size, sequence_length)`, *optional*): True
                ids at masked positions, -100 elsewhere. `None`: the masked-LM head is not run.
            num_items_in_batch (`int`, *optional*): Number of masked tokens to average over; `None`:
                this batch's.
        """
        kwargs |= {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:  # some families do not know it
            kwargs["token_type_ids"] = token_type_ids
        if labels is None:
            mlm_loss, hidden = (
                None,
                self.backbone.base_model(**kwargs, return_dict=True).last_hidden_state,
            )
        else:
            masked = labels != -100  # (batch_size, sequence_length)
            hidden, mlm_logits = self._encode_and_predict(masked, **kwargs)
            total = F.cross_entropy(mlm_logits.float(), labels[masked], reduction="sum")
            mlm_loss = total / (
                masked.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
            )
        embeddings = self._pool(hidden, attention_mask)
        return ClusteringOutput(
            mlm_loss,
            mlm_loss,
            logits=self.cluster_head(embeddings),
            embeddings=embeddings,
            last_hidden_state=hidden,
        )

    def _encode_and_predict(
        self, masked: torch.Tensor, **inputs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states `(batch_size, sequence_length, hidden_size)` and logits `(num_masked,
        vocab_size)`.

        The projection onto the vocabulary costs as much as all the layers of a small encoder, and
        85 % of it would be thrown away. A hook between encoder and head hands on the masked states
        only; it fits every family.
        """
        hidden: list[torch.Tensor] = []

        def hand_on_masked(
            encoder: nn.Module, arguments: tuple, output: ModelOutput
        ) -> ModelOutput:
            hidden.append(output["last_hidden_state"])
            seen = output["last_hidden_state"][masked][None]
            output["last_hidden_state"] = seen.detach() if self.mlm_head_learns_alone else seen
            return output

        hook = self.backbone.base_model.register_forward_hook(hand_on_masked)
        try:
            outputs = self.backbone(**inputs, return_dict=True)
        finally:
            hook.remove()
        return hidden[0], outputs.logits[0]

    def _pool(self, hidden: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """Mean over real tokens in float32, `(batch_size, hidden_size)`; of unit length if the
        config says so.
        """
        weights = hidden.new_ones(hidden.shape[:2]) if attention_mask is None else attention_mask
        weights = weights[..., None].float()
        embeddings = (hidden.float() * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        return F.normalize(embeddings, dim=1) if self.config.normalize_embeddings else embeddings


BertForClustering.register_for_auto_class("AutoModel")
