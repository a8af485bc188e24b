"""`ClusteringTrainer`: a `Trainer` whose loss is the masked-LM loss plus KL(P‖Q) over the clusters.

    train():  clean pass -> start of the clusters, alpha -> p table   (masked-LM head warmed up, if it is new)
    step:     masked batch -> q, L_m;  p[index] -> L_c;  loss = mlm_weight L_m + clustering_weight L_c
    refresh:  clean pass -> q of the whole training set -> teacher -> p table;  stop when almost no document moved
    end:      the last weights whose clusters score about as well as the best, the start's among them

Source: Huang et al., "Unsupervised Fine-tuning for Text Clustering" (COLING 2020). The target p comes from a table
over the whole training set, keyed by the document's `index`, so that it depends neither on the batch nor on how the
batch is split over accumulation steps and processes.
"""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from accelerate.utils import broadcast
from datasets import Dataset
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, Sampler
from tqdm.auto import tqdm
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import TrainOutput

from arguments import ClusteringTrainingArguments
from callbacks import RefreshTargets
from clustering import calibrate_alpha, changed_fraction, cluster_shares, target_distribution, teach
from data import ClusteringCollator, EpochSeededSampler, document_lengths, limit_length, prepare_dataset
from guard import Guard
from publishing import PublishingTrainer
from readable_log import use_readable_log
from score import ClusterScore, draw_sample
from start import find_start, kmeans
from views import cluster_means, fuse, lexical_view
from warmup import warm_up_mlm_head


logger = logging.getLogger(__name__)

STATE_NAME = "clustering_state.safetensors"
GUARD_NAME = "guard.safetensors"


class ClusterPrediction(NamedTuple):
    """What `ClusteringTrainer.predict` returns; the first three fields are those of `PredictionOutput`.

    Args:
        predictions (`np.ndarray` of shape `(num_documents, num_clusters)`): Soft assignments q, rows sum to 1.
        label_ids (`None`): There are no gold classes here.
        metrics (`dict`): Empty.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings z.
    """

    predictions: np.ndarray
    label_ids: None
    metrics: dict[str, float]
    embeddings: np.ndarray

    @property
    def clusters(self) -> np.ndarray:
        """Most probable cluster of each document, `(num_documents,)`."""
        return self.predictions.argmax(axis=1)

    @property
    def probabilities(self) -> np.ndarray:
        """Probability of that cluster, `(num_documents,)`."""
        return self.predictions.max(axis=1)


def find_last_checkpoint(output_dir: str) -> str:
    """The last whole checkpoint: `trainer_state.json` is what a checkpoint gets last.

    Raises:
        ValueError: There is none.
    """
    whole = [path.parent for path in Path(output_dir).glob(f"checkpoint-*/{TRAINER_STATE_NAME}")]
    if not whole:
        raise ValueError(f"There is no checkpoint to resume from in '{output_dir}'.")
    return str(max(whole, key=lambda path: int(path.name.split("-")[1])))


class ClusteringTrainer(PublishingTrainer):
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

    Datasets are lists of texts, or have a column `text`, or are tokenised (`data.tokenize`); rows are numbered anew.
    A `data_collator` of your own is a `ClusteringCollator`. Other arguments are those of [`~transformers.Trainer`].

    Raises:
        ValueError: There is no tokenizer, it has no mask token, a dataset holds neither texts nor tokens, or one
            process was given several GPUs.
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
            raise ValueError("ClusteringTrainer needs the encoder's tokenizer: pass processing_class=tokenizer.")
        args = ClusteringTrainingArguments("trainer_output") if args is None else args
        if args.n_gpu > 1:
            raise ValueError(
                f"Found {args.n_gpu} GPUs in one process, wanted is a process a GPU. Start with `accelerate launch "
                f"--multi_gpu --num_processes {args.n_gpu}`, or choose one by CUDA_VISIBLE_DEVICES."
            )
        limit_length(processing_class, None, model.config.backbone_config.max_position_embeddings)
        kwargs.setdefault("data_collator", ClusteringCollator(processing_class, args.mlm_probability, args.seed))
        kwargs["train_dataset"] = train_dataset
        for name in ("train_dataset", "eval_dataset"):
            if kwargs.get(name) is not None:
                kwargs[name] = prepare_dataset(kwargs[name], processing_class)
        super().__init__(model, args, processing_class=processing_class, **kwargs)
        use_readable_log(self)
        self.model_accepts_loss_kwargs = True  # the Trainer then counts the masked tokens of an update
        self.targets = None  # (num_documents, num_clusters), the p table
        self.clusters = None  # (num_documents,), at the last refresh
        self.kmeans_clusters = None  # (num_documents,), of plain k-means on the embeddings before training
        self.start_clusters = None  # (num_documents,), that training set out from
        self.prior = None  # (num_clusters,)
        self.fused = None  # (num_documents, hidden_size + num_components), what the teacher sees
        self.guard = None  # keeps the weights to end with
        self._documents_in_update = None
        self._updates_to_log = 0
        self._loss_parts = {}  # sums since the last log line
        self.add_callback(RefreshTargets(self))

    # Start and refresh

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs: Any) -> TrainOutput:
        """Make the start, unless a checkpoint or the model brings one, and train.

        Args:
            resume_from_checkpoint (`str` or `bool`, *optional*): A checkpoint folder, or `True` for the last one in
                the output directory. Training goes on as if it had never stopped.

        Returns:
            `TrainOutput`, whose metrics also hold `start_runtime`: seconds of the start and the head's warm-up.

        Raises:
            ValueError: There is no whole checkpoint to resume from, or it belongs to other documents.
        """
        started = time.perf_counter()
        if resume_from_checkpoint is True:
            resume_from_checkpoint = find_last_checkpoint(self.args.output_dir)
        if resume_from_checkpoint:
            self._load_clustering_state(resume_from_checkpoint)
        else:
            self._make_start()
            if self.model.config.mlm_head_is_fresh and self.args.mlm_head_warmup_epochs > 0:
                warm_up_mlm_head(self.model, self.args, self.data_collator, self.train_dataset, self.processing_class)
        self.model.config.mlm_head_is_fresh = False
        start_runtime = time.perf_counter() - started
        output = super().train(resume_from_checkpoint=resume_from_checkpoint or None, **kwargs)
        output.metrics["start_runtime"] = round(start_runtime, 4)
        if self.args.keep_best:
            self._keep_best()
            output.metrics["cluster_score"] = self.guard.kept_score
        return output

    def _make_start(self) -> None:
        embeddings, head = self.encode(self.train_dataset), self.model.cluster_head
        num_clusters, config = len(head.centroids), self.model.config
        lexical, seed = self._lexical_view(), self.args.seed
        self.fused = torch.from_numpy(fuse(embeddings, lexical, 1.0)) if self.args.lexical_teacher else None
        sample = draw_sample(len(embeddings), seed)
        score = ClusterScore(sample, fuse(embeddings[sample], lexical[sample]))
        keeps_clusters = self.args.init is None and self.model.has_clusters
        clusters = np.zeros((2, len(embeddings)), dtype=np.int64)
        if self.is_world_process_zero():  # the others, led elsewhere by rounding, take what it found
            clusters[:], _ = kmeans(embeddings, num_clusters, seed, progress=self._shows_progress)
            if not keeps_clusters and self.args.init != "kmeans":
                start = find_start(embeddings, lexical, num_clusters, seed, score, progress=self._shows_progress)
                scores = ", ".join(f"{name} {value:.3f}" for name, value in start.scores.items())
                logger.info("Start: %s clusters (modularity plus silhouette: %s).", start.name, scores)
                clusters[1] = start.clusters
        self.kmeans_clusters, self.start_clusters = broadcast(torch.from_numpy(clusters).to(self.args.device))
        if not keeps_clusters:
            means = cluster_means(embeddings, self.start_clusters.cpu().numpy(), num_clusters)
            head.centroids.data.copy_(torch.from_numpy(means))
        if config.alpha is None:
            centroids = head.centroids.detach().cpu()
            config.alpha = calibrate_alpha(torch.from_numpy(embeddings), centroids, config.kernel)
            logger.info("Calibrated alpha of the kernel: %.3g.", config.alpha)
        q = self.assign(embeddings)
        if keeps_clusters:
            self.start_clusters = q.argmax(dim=1)
        self.prior = cluster_shares(self.start_clusters, num_clusters) if self.args.size_prior == "start" else None
        self._set_targets(q, self.start_clusters)
        self.guard = Guard(score, self.clusters, num_clusters)
        self.guard.judge(self.model, self.clusters, step=0)

    def _lexical_view(self) -> np.ndarray:
        """What the words of the training set say; nothing where it is not wanted."""
        if not self.args.lexical_teacher and self.args.init == "kmeans":
            return np.zeros((len(self.train_dataset), 0), dtype=np.float32)
        special = set(self.processing_class.all_special_ids)
        documents = [[token for token in ids if token not in special] for ids in self.train_dataset["input_ids"]]
        return lexical_view(documents, self.args.seed)

    def refresh(self) -> float:
        """Assign the whole training set anew, make the target from it, log both, and return the share that moved."""
        before, q = self.clusters, self.assign(self.encode(self.train_dataset))
        self._set_targets(q, q.argmax(dim=1))
        score = self.guard.judge(self.model, self.clusters, self.state.global_step)
        sizes, changed = torch.bincount(self.clusters, minlength=q.shape[1]), changed_fraction(before, self.clusters)
        self.log(
            {
                "changed": changed,
                "mean_probability": q.max(dim=1).values.mean().item(),
                "smallest_cluster": sizes.min().item(),
                "largest_cluster": sizes.max().item(),
                "cluster_score": score,
            }
            | {f"cluster_size_{cluster}": size for cluster, size in enumerate(sizes.tolist())}
        )
        return changed

    def _set_targets(self, q: torch.Tensor, clusters: torch.Tensor) -> None:
        """The p table, from q or, where there is a teacher, from what it makes of `clusters`."""
        self.clusters = q.argmax(dim=1)
        if self.args.lexical_teacher:
            q = torch.from_numpy(teach(self.fused.cpu().numpy(), clusters.cpu().numpy(), q.shape[1])).to(q.device)
        self.targets = target_distribution(q, self.prior)

    def _keep_best(self) -> None:
        """End with the weights that the guard has kept."""
        if self.guard.judged_step != self.state.global_step:
            self.refresh()
        if self.guard.kept_step != self.state.global_step:
            self.clusters = self.guard.restore(self.model).to(self.args.device)

    @property
    def _shows_progress(self) -> bool:
        return self.args.should_log and not self.args.disable_tqdm

    @torch.no_grad()
    def encode(self, dataset: Dataset) -> np.ndarray:
        """Embeddings of a tokenised dataset from a clean pass: unmasked, in eval mode, sorted by length.

        Args:
            dataset (`Dataset`): With the tokenizer's columns. Every process takes its share and gets all.

        Returns:
            `np.ndarray` of shape `(num_documents, hidden_size)`, float32, in the dataset's order.
        """
        order = np.argsort([-length for length in document_lengths(dataset)], kind="stable")
        loader = self.get_test_dataloader(dataset.select(order))
        embeddings = np.empty((len(dataset), self.model.config.hidden_size), dtype=np.float32)
        self.model.eval()
        done = 0
        for batch in tqdm(loader, desc="Encoding", disable=not self._shows_progress):
            with self.accelerator.autocast():
                part = self.model(**batch).embeddings
            part = self.accelerator.gather_for_metrics(part).float().cpu().numpy()
            embeddings[order[done : done + len(part)]] = part
            done += len(part)
        return embeddings

    @torch.no_grad()
    def assign(self, embeddings: np.ndarray, batch_size: int = 65536) -> torch.Tensor:
        """Soft assignments q of embeddings under the present centroids, `(num_documents, num_clusters)`."""
        parts = torch.from_numpy(embeddings).split(batch_size)
        return torch.cat([self.model.cluster_head(part.to(self.args.device)).exp() for part in parts])

    def predict(self, test_dataset: Dataset | list[str]) -> ClusterPrediction:
        """Cluster documents with the model as it stands.

        Args:
            test_dataset (`Dataset` or `list[str]`): Texts, a dataset with a column `text`, or a tokenised one.

        Raises:
            ValueError: The model has no clusters yet.
        """
        if not self.model.has_clusters:
            raise ValueError("The model has no clusters yet. Call train() first, or load a trained model.")
        embeddings = self.encode(prepare_dataset(test_dataset, self.processing_class))
        return ClusterPrediction(self.assign(embeddings).cpu().numpy(), None, {}, embeddings)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        batch_size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return EpochSeededSampler(batch_size, document_lengths(train_dataset or self.train_dataset), self.args.seed)

    def get_test_dataloader(self, test_dataset: Dataset) -> DataLoader:
        """Batches in the dataset's order, padded and unmasked."""
        loader = DataLoader(
            test_dataset,
            batch_size=self.args.eval_batch_size,
            collate_fn=self.data_collator.unmasked,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)

    # Losses

    def get_batch_samples(self, epoch_iterator: Iterator, num_batches: int, device: torch.device) -> tuple[list, Any]:
        """Also count the documents of the update, over all of its micro-batches and processes."""
        batches, num_items_in_batch = super().get_batch_samples(epoch_iterator, num_batches, device)
        documents = torch.tensor(sum(len(batch["index"]) for batch in batches), device=device)
        self._documents_in_update = self.accelerator.gather(documents).sum()
        self._updates_to_log += 1
        return batches, num_items_in_batch

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """mlm_weight L_m + clustering_weight L_c of a micro-batch, as its part of the update's loss.

        L_m is the sum over the micro-batch's masked tokens divided by those of the update, L_c the sum over its
        documents divided by those of the update. Held-out documents (`evaluate`) have no target: their loss is L_m.
        """
        index = inputs.pop("index")
        if not model.training:
            outputs = model(**inputs)
            return (outputs.mlm_loss, outputs) if return_outputs else outputs.mlm_loss
        num_items_in_batch = torch.as_tensor(num_items_in_batch).clamp(min=1)  # there may be no masked token at all
        outputs = model(**inputs, num_items_in_batch=num_items_in_batch)
        num_processes = self.accelerator.num_processes  # which average their gradients
        mlm_loss = outputs.mlm_loss * (num_processes if self.args.average_tokens_across_devices else 1)
        divergence = F.kl_div(outputs.logits, self.targets[index], reduction="sum")
        clustering_loss = divergence / self._documents_in_update * num_processes
        for name, part in (("mlm_loss", mlm_loss), ("clustering_loss", clustering_loss)):
            self._loss_parts[name] = self._loss_parts.get(name, 0) + part.detach()
        loss = self.args.mlm_weight * mlm_loss + self.args.clustering_weight * clustering_loss
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add both parts of the loss, averaged over the same updates and processes, to every line with a `loss`."""
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
                group["params"] = [parameter for parameter in group["params"] if parameter is not centroids]
            own = {"params": [centroids], "lr": self.args.centroid_learning_rate, "weight_decay": 0.0}
            optimizer.add_param_group(own)
        return optimizer

    # What a checkpoint needs to go on

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model; within a checkpoint, the state of the clustering too."""
        super().save_model(output_dir, _internal_call=_internal_call)
        if _internal_call and output_dir and self.args.should_save and self.targets is not None:
            names = ("targets", "clusters", "kmeans_clusters", "start_clusters", "prior", "fused")
            state = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
            state["alpha"] = torch.tensor(self.model.config.alpha, dtype=torch.float64)
            save_file(state, os.path.join(output_dir, STATE_NAME))
            self.guard.save(os.path.join(output_dir, GUARD_NAME))

    def _load_clustering_state(self, checkpoint: str) -> None:
        path = os.path.join(checkpoint, STATE_NAME)
        if not os.path.isfile(path):
            raise ValueError(f"'{checkpoint}' holds no {STATE_NAME}: it is no checkpoint of this trainer.")
        state = load_file(path, device=str(self.args.device))
        if len(state["clusters"]) != len(self.train_dataset):
            raise ValueError(
                f"'{checkpoint}' was written for {len(state['clusters'])} documents, there are now "
                f"{len(self.train_dataset)}. Resume with the same texts."
            )
        self.model.config.alpha = state.pop("alpha").item()
        for name, tensor in state.items():
            setattr(self, name, tensor)
        self.guard = Guard.load(os.path.join(checkpoint, GUARD_NAME))
