"""`ClusteringTrainer`: a `Trainer` whose loss is the masked-LM loss plus KL(P‖Q) over the clusters.

    train():  clean pass -> start of the clusters, alpha -> p table   (masked-LM head warmed up, if
    it is new) step:     masked batch -> q, L_m;  p[index] -> L_c;  loss = mlm_weight L_m +
    clustering_weight L_c refresh:  clean pass -> q of the whole training set -> teacher -> p table;
    stop when almost no document moved end:      the last weights whose clusters score about as well
    as the best, the start's among them

Source: Huang et al., "Unsupervised Fine-tuning for Text Clustering" (COLING 2020). The target p
    comes from a table
over the whole training set, keyed by the document's `index`, so that it depends neither on the
batch nor on how the batch is split over accumulation steps and processes.
"""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from datasets import Dataset
from safetensors.torch import load_file, save_file
from torch.utils.data import Sampler
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import TrainOutput

from .clusters.rows import MAX_IN_MEMORY
from .clusters.spaces import cluster_means
from .clusters.targets import (
    changed_fraction,
    cluster_shares,
    emptied_clusters,
    target_distribution,
    teach,
)
from .texts.tokens import (
    ClusteringCollator,
    EpochSeededSampler,
    document_lengths,
    limit_length,
    prepare_dataset,
)
from .training.arguments import ClusteringTrainingArguments
from .training.callbacks import RefreshTargets
from .training.checkpoints import STATE_NAME, check_documents, find_last_checkpoint
from .training.guard import Guard
from .training.initialize import StartingTrainer
from .training.readable_log import use_readable_log
from .training.warmup import warm_up_mlm_head


logger = logging.getLogger(__name__)

STATE = (
    "targets",
    "clusters",
    "kmeans_clusters",
    "start_clusters",
    "repeats",
    "confidence",
    "prior",
    "fused",
    "num_clusters_scores",
)
GUARD_NAME = "guard.safetensors"


class ClusteringTrainer(StartingTrainer):
    """Fine-tunes a `BertForClustering` on unlabelled texts.

    Example (`texts` is a list of strings):

        trainer = ClusteringTrainer(
            model=BertForClustering.from_pretrained(name, num_clusters=8),
            args=ClusteringTrainingArguments("output"),
            train_dataset=texts,
            processing_class=AutoTokenizer.from_pretrained(name),
        )
        trainer.train()
        clusters = trainer.predict(texts).clusters

    Datasets are lists of texts, or have a column `text`, or are tokenised (`data.tokenize`); rows
    are numbered anew. A `data_collator` of your own is a `ClusteringCollator`. Other arguments are
    those of [`~transformers.Trainer`].

    Raises:
        ValueError: There is no tokenizer, it has no mask token, a dataset holds neither texts nor
            tokens, or one process was given several GPUs.
    """

    loss_is_scaled_for_ga = True  # both losses are divided by what the whole update holds

    def __init__(
        self,
        model: Any,
        args: ClusteringTrainingArguments | None = None,
        train_dataset: Dataset | list[str] | None = None,
        processing_class: Any = None,
        **kwargs: Any,
    ) -> None:
        if processing_class is None:
            raise ValueError(
                "ClusteringTrainer needs the encoder's tokenizer: pass processing_class=tokenizer."
            )
        args = ClusteringTrainingArguments("trainer_output") if args is None else args
        if args.n_gpu > 1:
            raise ValueError(
                f"Found {args.n_gpu} GPUs in one process, wanted is a process a GPU. Start with "
                f"`accelerate launch --multi_gpu --num_processes {args.n_gpu}`, or choose one by "
                "CUDA_VISIBLE_DEVICES."
            )
        limit_length(processing_class, None, model.config.backbone_config.max_position_embeddings)
        kwargs.setdefault(
            "data_collator", ClusteringCollator(processing_class, args.mlm_probability, args.seed)
        )
        kwargs["train_dataset"] = train_dataset
        for name in ("train_dataset", "eval_dataset"):
            if kwargs.get(name) is not None:
                kwargs[name] = prepare_dataset(kwargs[name], processing_class)
        super().__init__(model, args, processing_class=processing_class, **kwargs)
        use_readable_log(self)
        self.model_accepts_loss_kwargs = (
            True  # the Trainer then counts the masked tokens of an update
        )
        self.targets = None  # (num_documents, num_clusters), the p table
        self.clusters = None  # (num_documents,), at the last refresh
        self.prior = None  # (num_clusters,)
        self.fused = None  # (num_documents, hidden_size + num_components), what the teacher sees
        self.guard = None  # keeps the weights to end with
        self._documents_in_update = None
        self._updates_to_log = 0
        self._loss_parts = {}  # sums since the last log line
        self.refresh_targets = RefreshTargets(self)
        self.add_callback(self.refresh_targets)

    # Start and refresh

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs: Any) -> TrainOutput:
        """Make the start, unless a checkpoint or the model brings one, and train.

        Args:
            resume_from_checkpoint (`str` or `bool`, *optional*): A checkpoint folder, or `True` for
                the last one in the output directory. Training goes on as if it had never stopped.

        Returns:
            `TrainOutput`, whose metrics also hold `start_runtime`: seconds of the start and the
            head's warm-up.

        Raises:
            ValueError: There is no whole checkpoint to resume from, or it belongs to other
                documents.
        """
        started = time.perf_counter()
        if resume_from_checkpoint is True:
            resume_from_checkpoint = find_last_checkpoint(self.args.output_dir)
        if resume_from_checkpoint:
            self._load_clustering_state(resume_from_checkpoint)
        else:
            self._make_start()
            if self.model.config.mlm_head_is_fresh and self.args.mlm_head_warmup_epochs > 0:
                warm_up_mlm_head(
                    self.model,
                    self.args,
                    self.data_collator,
                    self.train_dataset,
                    self.processing_class,
                )
        self.model.config.mlm_head_is_fresh = False
        start_runtime = time.perf_counter() - started
        output = super().train(resume_from_checkpoint=resume_from_checkpoint or None, **kwargs)
        output.metrics["start_runtime"] = round(start_runtime, 4)
        if self.guard.judged_step != self.state.global_step:
            self.refresh()
        if self.args.keep_best and self.guard.kept_step != self.state.global_step:
            self.clusters = self.guard.restore(self.model)
            self.embeddings = None
        self.embeddings = (
            self.encode(self.train_dataset) if self.embeddings is None else self.embeddings
        )
        self.note_distances(self.embeddings)
        if self.confidence is not None and self.confidence > 0:
            self._bound_confidence(self.confidence.item())
        output.metrics["cluster_score"] = (
            self.guard.kept_score if self.args.keep_best else self.guard.judged_score
        )
        return output

    def _bound_confidence(self, agreed: float) -> None:
        """Have q no surer in the mean than the repeats of the start agree; just as sure where q is
        still the start's.

        Repeats share what the start has wrong, so they tell how sure a cluster is at most. The
        start's own mean q is what alpha was fitted to, whatever the documents.
        """
        is_start = self.args.keep_best and self.guard.kept_step == 0
        if is_start or self.assign(self.embeddings).max(dim=1).values.mean() > agreed:
            self._fit_alpha(self.embeddings, confidence=agreed)

    def _make_start(self) -> None:
        q, fused, score = self.start()
        num_clusters = self.model.config.num_clusters
        self.fused = torch.from_numpy(fused) if self.args.lexical_teacher else None
        self.prior = (
            cluster_shares(self.start_clusters, num_clusters)
            if self.args.size_prior == "start"
            else None
        )
        self._set_targets(q, self.start_clusters)
        self.guard = Guard(score, self.clusters, num_clusters)
        self.guard.judge(self.model, self.clusters, step=0)

    def refresh(self) -> float:
        """Assign the whole training set anew, make the target from it, log both, and return the
        share that moved.
        """
        before, self.embeddings = self.clusters, self.encode(self.train_dataset)
        q = self.assign(self.embeddings)
        if self.args.keep_best and self._revive_emptied(q.argmax(dim=1)):
            q = self.assign(self.embeddings)
        mean_probability = q.max(dim=1).values.mean().item()
        self._set_targets(q, q.argmax(dim=1))
        score = self.guard.judge(self.model, self.clusters, self.state.global_step)
        sizes, changed = (
            torch.bincount(self.clusters, minlength=q.shape[1]),
            changed_fraction(before, self.clusters),
        )
        self.log(
            {
                "changed": changed,
                "mean_probability": mean_probability,
                "smallest_cluster": sizes.min().item(),
                "largest_cluster": sizes.max().item(),
                "cluster_score": score,
            }
            | {f"cluster_size_{cluster}": size for cluster, size in enumerate(sizes.tolist())}
        )
        return changed

    @torch.no_grad()
    def _revive_emptied(self, clusters: torch.Tensor) -> bool:
        """Put centroids that have lost all documents back among those they had at the last refresh;
        whether any had.

        Among many clusters there are tiny ones, which a neighbour takes over in a few steps.
        """
        num_clusters = self.model.config.num_clusters
        emptied = emptied_clusters(self.clusters, clusters, num_clusters)
        if len(emptied):
            means = cluster_means(self.embeddings, self.clusters.numpy(), num_clusters)
            self.model.cluster_head.centroids[emptied] = torch.from_numpy(means).to(
                self.args.device
            )[emptied]
            logger.info(
                "Clusters that had lost all their documents and got them back: %d.", len(emptied)
            )
        return len(emptied) > 0

    def _set_targets(self, q: torch.Tensor, clusters: torch.Tensor) -> None:
        """The p table, in the place of q or, where there is a teacher, of what it makes of
        `clusters`.
        """
        self.clusters = q.argmax(dim=1)
        if self.args.lexical_teacher:
            taught = teach(
                self.fused.numpy(), clusters.numpy(), q.shape[1], folder=self.args.output_dir
            )
            q = torch.from_numpy(taught)
        self._keep_targets(target_distribution(q, self.prior, out=q))

    def _keep_targets(self, targets: torch.Tensor) -> None:
        """Beside the model; on the CPU, or on disk, where they are large."""
        self.targets = targets.to(self.args.device) if targets.nbytes <= MAX_IN_MEMORY else targets

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        batch_size = (
            self.args.train_batch_size
            * self.args.gradient_accumulation_steps
            * self.args.world_size
        )
        return EpochSeededSampler(
            batch_size, document_lengths(train_dataset or self.train_dataset), self.args.seed
        )

    # Losses

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, Any]:
        """Also count the documents of the update, over all of its micro-batches and processes."""
        batches, num_items_in_batch = super().get_batch_samples(epoch_iterator, num_batches, device)
        documents = torch.tensor(sum(len(batch["index"]) for batch in batches), device=device)
        self._documents_in_update, self.embeddings = self.accelerator.gather(documents).sum(), None
        self._updates_to_log += 1
        return batches, num_items_in_batch

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """mlm_weight L_m + clustering_weight L_c of a micro-batch, as its part of the update's
        loss.

        L_m is the sum over the micro-batch's masked tokens divided by those of the update, L_c the
        sum over its documents divided by those of the update. Held-out documents (`evaluate`) have
        no target: their loss is L_m.
        """
        index = inputs.pop("index")
        if not model.training:
            outputs = model(**inputs)
            return (outputs.mlm_loss, outputs) if return_outputs else outputs.mlm_loss
        num_items_in_batch = torch.as_tensor(num_items_in_batch).clamp(
            min=1
        )  # there may be no masked token at all
        outputs = model(**inputs, num_items_in_batch=num_items_in_batch)
        num_processes = self.accelerator.num_processes  # which average their gradients
        mlm_loss = outputs.mlm_loss * (
            num_processes if self.args.average_tokens_across_devices else 1
        )
        p = self.targets[index.to(self.targets.device)].to(index.device)
        divergence = F.kl_div(outputs.logits, p, reduction="sum")
        clustering_loss = divergence / self._documents_in_update * num_processes
        for name, part in (("mlm_loss", mlm_loss), ("clustering_loss", clustering_loss)):
            self._loss_parts[name] = self._loss_parts.get(name, 0) + part.detach()
        loss = self.args.mlm_weight * mlm_loss + self.args.clustering_weight * clustering_loss
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add both parts of the loss, averaged over the same updates and processes, to every line
        with a `loss`.
        """
        if "loss" in logs:
            for name, total in self._loss_parts.items():
                logs[name] = self.accelerator.reduce(total, "mean").item() / self._updates_to_log
            self._loss_parts, self._updates_to_log = {}, 0
        super().log(logs, start_time)

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """Give the centroids a learning rate of their own, without weight decay."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(*args, **kwargs)
        if is_new:
            centroids = self.model.cluster_head.centroids
            for group in optimizer.param_groups:
                group["params"] = [
                    parameter for parameter in group["params"] if parameter is not centroids
                ]
            own = {
                "params": [centroids],
                "lr": self.args.centroid_learning_rate,
                "weight_decay": 0.0,
            }
            optimizer.add_param_group(own)
        return optimizer

    # What a checkpoint needs to go on

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model; within a checkpoint, the state of the clustering too."""
        is_checkpoint = _internal_call and output_dir and self.args.should_save
        if is_checkpoint:  # one that stood here is not whole from now on
            Path(output_dir, TRAINER_STATE_NAME).unlink(missing_ok=True)
        super().save_model(output_dir, _internal_call=_internal_call)
        if is_checkpoint and self.targets is not None:
            state = {name: getattr(self, name) for name in STATE if getattr(self, name) is not None}
            state["alpha"] = torch.tensor(self.model.config.alpha, dtype=torch.float64)
            save_file(state, os.path.join(output_dir, STATE_NAME))
            self.guard.save(os.path.join(output_dir, GUARD_NAME))

    def _load_clustering_state(self, checkpoint: str) -> None:
        check_documents(checkpoint, len(self.train_dataset))
        state = load_file(os.path.join(checkpoint, STATE_NAME))
        self.model.config.alpha = state.pop("alpha").item()
        self._keep_targets(state.pop("targets"))
        for name, tensor in state.items():
            setattr(self, name, tensor)
        self.guard = Guard.load(os.path.join(checkpoint, GUARD_NAME))

    def _init_training_state(
        self, max_steps: int, num_update_steps_per_epoch: int, num_train_epochs: int, *args: Any
    ) -> tuple[int, int]:
        progress = super()._init_training_state(
            max_steps, num_update_steps_per_epoch, num_train_epochs, *args
        )
        has_ended = self.state.global_step >= max_steps or self.refresh_targets.had_ended(
            self.args, self.state
        )
        return (num_train_epochs, 0) if has_ended else progress  # else it would take one step more
