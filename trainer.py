"""`ClusteringTrainer`: a `Trainer` whose loss is masked-LM plus KL(P‖Q) over the clusters.

    train():  clean pass -> start of the clusters, alpha -> teacher -> p table
    step:     masked batch -> q, L_m;  p[index] -> L_c;  mlm_weight L_m + clustering_weight L_c
    refresh:  clean pass -> q of the whole training set, without a teacher -> p table; stop when few
              moved
    end:      the last weights that the training did not ruin

Source: Huang et al., "Unsupervised Fine-tuning for Text Clustering" (COLING 2020). The target p
comes from a table over the whole training set, keyed by the document's `index`, so that it depends
neither on the batch nor on how the batch is split over accumulation steps and processes.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from datasets import Dataset, IterableDataset
from torch.utils.data import DataLoader, Sampler
from transformers import Trainer, TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import TrainOutput, speed_metrics

from .clusters.rows import draw_sample
from .clusters.spaces import Views, lexical_view
from .errors import InputError
from .publishing.push import HubMixin
from .texts.known import KnownTopics
from .texts.language import NUM_READ, warn_of_unknown_language
from .texts.names import are_named, name_levels
from .texts.prefix import prefix_ids, text_prefix
from .texts.tokens import document_lengths, limit_length, prepare_dataset, prepare_parts, read_texts
from .texts.vectors import check_vectors
from .texts.windows import WholeDocuments
from .training.arguments import ClusteringTrainingArguments
from .training.attention import attention_kernel
from .training.batches import ClusteringCollator, EpochSeededSampler, split_batch
from .training.callbacks import RefreshTargets
from .training.checkpoints import check_documents, find_last_checkpoint, read_state
from .training.inference import ClusterPrediction, Inference
from .training.initialize import bound_confidence, initialize
from .training.keywords import find_keywords_of_levels
from .training.new_head import LEARNING_RATE_OF_NEW_HEAD, NewHead, initial_loss
from .training.readable_log import use_readable_log
from .training.refresh import describe_refresh, revive_emptied, set_targets, strayed_share
from .training.stages import stage
from .training.state import ClusteringState
from .training.teacher import ask_teacher
from .training.topics import check_topics, embed_phrases, name_topics, name_unfound


class ClusteringTrainer(HubMixin, Trainer):
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

    Datasets are lists of texts, or have a column `text`, or are tokenised (`texts.tokenize`); rows
    are numbered anew. A `data_collator` of your own is a `ClusteringCollator`. Other arguments are
    those of [`~transformers.Trainer`], in its order. `teacher_embeddings`, an array of shape
    `(num_documents, teacher_size)`, says of the training documents what an encoder says that knows
    more; the finished model does without it. `known_topics` are the topics of documents that people
    know them of, `None` for the others, or what else is known (`texts.KnownTopics`): their clusters
    come first, by these names, and the other ones are discovered beside them.

    Raises:
        InputError: There is no tokenizer, it has no mask token, a dataset holds neither texts nor
            tokens, the teacher's embeddings or the known topics are not those of the documents, or
            one process was given several GPUs.
    """

    args: ClusteringTrainingArguments
    data_collator: ClusteringCollator
    train_dataset: Dataset  # `None` only where a trainer is not to train
    _documents_in_update: torch.Tensor  # `()`, over all processes
    loss_is_scaled_for_ga = True  # both losses are divided by what the whole update holds

    def __init__(
        self,
        model: Any = None,
        args: ClusteringTrainingArguments | None = None,
        data_collator: ClusteringCollator | None = None,
        train_dataset: Dataset | list[str] | None = None,
        eval_dataset: Dataset | list[str] | dict[str, Dataset | list[str]] | None = None,
        processing_class: Any = None,
        *,
        teacher_embeddings: np.ndarray | None = None,
        known_topics: KnownTopics | Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> None:
        if processing_class is None:
            raise InputError(
                "Expected the encoder's tokenizer, got none: pass processing_class=tokenizer."
            )
        args = ClusteringTrainingArguments("trainer_output") if args is None else args
        if args.n_gpu > 1:
            raise InputError(
                f"Expected one GPU per process, got {args.n_gpu} in one. Start with `accelerate "
                f"launch --multi_gpu --num_processes {args.n_gpu}`, or choose one by "
                "CUDA_VISIBLE_DEVICES."
            )
        model.config.text_prefix = text_prefix(processing_class)
        limit_length(processing_class, None, model.config.backbone_config.max_position_embeddings)
        if data_collator is None:
            data_collator = ClusteringCollator(processing_class, args.mlm_probability, args.seed)
        super().__init__(
            model,
            args,
            data_collator,
            _prepare(train_dataset, processing_class),
            _prepare(eval_dataset, processing_class),
            processing_class,
            **kwargs,
        )
        # A new head's projection onto the vocabulary is tied to them.
        is_frozen = args.freeze_word_embeddings or initial_loss(self.model, args) is not None
        self.model.get_input_embeddings().requires_grad_(not is_frozen)
        self.teacher_embeddings = teacher_embeddings
        if teacher_embeddings is not None:
            every = np.ones(len(self.train_dataset), dtype=bool)
            check_vectors(teacher_embeddings, every, "teacher_embeddings")
        self.known = check_topics(
            known_topics, self.model, self.args, len(self.train_dataset or ())
        )
        self.unfound_topics: list[str] = []  # that no document comes near
        use_readable_log(self)
        self.model_accepts_loss_kwargs = True  # so the Trainer counts an update's masked tokens
        self.clustering: ClusteringState | None = None  # once the clusters have started
        self.new_head: NewHead | None = None  # once training begins
        self.keywords: list[list[str]] | None = None  # of each cluster, once it has a name
        self.keywords_of_levels: list[list[list[str]]] = []  # of the coarser ones as well
        self.card: dict[str, Any] = {}  # what else the model card is to say
        self.inference = Inference(self.model, self.args, self.accelerator, self.data_collator)
        self._training_pass: tuple[tuple, np.ndarray] | None = None
        self._start_runtime = 0.0  # seconds
        self._updates_to_log = 0
        self._loss_parts: dict[str, torch.Tensor] = {}  # sums since the last log line
        self.refresh_targets = RefreshTargets(self)
        self.add_callback(self.refresh_targets)

    # Start, refresh and end

    def train(
        self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any
    ) -> TrainOutput:
        """Make the start, unless a checkpoint brings one or it has just been made, and train.

        Args:
            resume_from_checkpoint (`str` or `bool`, *optional*): A checkpoint folder, or `True` for
                the last one in the output directory. Training goes on as if it had never stopped.

        Returns:
            `TrainOutput`, whose metrics also hold `start_runtime`: seconds of the start, and
            `cluster_score`: of the clusters that training ends with.

        Raises:
            InputError: There is no whole checkpoint to resume from, or it belongs to other
                documents.
        """
        self._training_pass = None  # the weights may be others by now
        if resume_from_checkpoint is True:
            resume_from_checkpoint = find_last_checkpoint(self.args.output_dir)
        if resume_from_checkpoint:
            self._load_clustering(resume_from_checkpoint)
            self.state = read_state(resume_from_checkpoint)
        elif self.clustering is None or self.state.global_step:
            self.state = TrainerState()
            self.initialize_clusters()
        self.new_head = NewHead(self.model, self._started_clustering, self.train_dataset)
        with stage("training"):
            output = super().train(resume_from_checkpoint or None, *args, **kwargs)
        if self.optimizer is not None:
            self.optimizer.state.clear()  # twice the model's size, and done with
        output.metrics["start_runtime"] = round(self._start_runtime, 4)
        output.metrics["cluster_score"] = self._end()
        return output

    def set_initial_training_values(self, args: Any, dataloader: DataLoader) -> tuple:
        """Those of the base class; no epoch where the training that is resumed had ended."""
        num_epochs, *others, max_steps = super().set_initial_training_values(args, dataloader)
        had_ended = self.refresh_targets.had_ended(self.state, max_steps)
        return (0 if had_ended else num_epochs, *others, max_steps)

    def initialize_clusters(self) -> None:
        """Find where the clusters start, give the model centroids and alpha, and make the target.

        `train` does it. Alone it makes a model that sorts texts without any training, and a
        training that follows goes on from there.
        """
        started = time.perf_counter()
        if self.is_world_process_zero():
            sample = draw_sample(len(self.train_dataset), seed=0, size=NUM_READ)
            texts = read_texts(self.train_dataset.select(sample), self.processing_class)
            warn_of_unknown_language(texts, self.processing_class)
        known, constraints = self.known, None
        if known is not None:
            constraints = known.constraints()._replace(phrases=self._embed_phrases(known))
        self.clustering = initialize(
            self.model, self.args, self.inference, self.views(), constraints
        )
        name_topics(self.model.config, self.clustering, known, self.unfound_topics)
        self.clustering.guard.judge(self.model, self.clustering.clusters, step=0)
        self._name_clusters()
        self._start_runtime = time.perf_counter() - started

    def _embed_phrases(self, known: KnownTopics) -> np.ndarray | None:
        """What is said of known topics (`embed_phrases`); finds out whom no document comes near."""
        phrases = embed_phrases(known, self.inference, self.processing_class)
        if phrases is not None:
            embeddings = self._encode_training_set()
            self.unfound_topics = name_unfound(known, phrases, embeddings, self.args.seed)
        return phrases

    def predict_start(self) -> ClusterPrediction:
        """What the training sets out to teach: the targets p of the training set, before any step.

        Raises:
            InputError: The clusters have not started yet.
        """
        targets = self._started_clustering.targets
        prediction = self.predict()
        if targets is None:
            return prediction
        return prediction._replace(predictions=targets.dense().cpu().numpy())

    def views(self) -> Views:
        """The training documents as the start sees them: their embeddings, their words, and what
        the teacher says of them.
        """
        teacher = self.teacher_embeddings
        if teacher is None and self.args.teacher_model_name_or_path:
            texts = read_texts(self.train_dataset, self.processing_class)
            with stage("teacher's encoder"):
                teacher = ask_teacher(texts, self.args)
        return Views(self._encode_training_set(), self._lexical_view(), teacher)

    @property
    def is_taught(self) -> bool:
        """Whether the target comes from what the model itself does not see."""
        args = self.args
        has_teacher = self.teacher_embeddings is not None or args.teacher_model_name_or_path
        return args.lexical_teacher or bool(has_teacher)

    def refresh(self) -> float:
        """Assign the whole training set anew, make the target from it unless a teacher has made
        it, log both, and return the share that moved.
        """
        state, embeddings = self._started_clustering, self._encode_training_set()
        before, q = state.clusters, self.inference.assign(embeddings)
        revives = self.args.keep_best
        if revives and revive_emptied(self.model, embeddings, before, q.most_probable):
            q = self.inference.assign(embeddings)
        mean_probability = q.probabilities.mean().item()
        strayed = strayed_share(state, q.most_probable)
        state.clusters = q.most_probable
        if not self.is_taught:
            set_targets(state, q, self.args)
        score = state.guard.judge(self.model, state.clusters, self.state.global_step, strayed)
        line = describe_refresh(before, state.clusters, state.num_clusters)
        self.log(line | {"mean_probability": mean_probability, "cluster_score": score})
        return line["changed"]

    def _end(self) -> float:
        """Take the weights that training ends with, and finish what hangs on them; their score."""
        state, guard = self._started_clustering, self._started_clustering.guard
        if guard.judged_step != self.state.global_step:
            self.refresh()
        if guard.kept_weights and guard.kept_step != self.state.global_step:
            state.clusters = guard.restore(self.model)
        embeddings = self._encode_training_set()
        self.inference.note_distances(embeddings)
        is_start = self.args.keep_best and guard.kept_step == 0
        if self.args.mlm_weight and not is_start:
            self.model.config.mlm_head_is_fresh = False
        bound_confidence(self.model, self.args, self.inference, embeddings, state, is_start)
        self._name_clusters()
        return guard.kept_score if self.args.keep_best else guard.judged_score

    @property
    def _started_clustering(self) -> ClusteringState:
        """The state of clusters that have started."""
        if self.clustering is None:
            raise InputError(
                "The clusters have not started yet. Call train() or initialize_clusters() first."
            )
        return self.clustering

    @property
    def kept_clusters(self) -> bool:
        """Whether the training set out from the clusters that the model came with."""
        return self.args.init is None and self._started_clustering.repeats is None

    @property
    def named_before(self) -> list[bool]:
        """Which clusters have a name that is not this training's, or, without one, any name."""
        if self.clustering is None:
            return are_named(self.model.config)
        return self.clustering.named_by_user.tolist()

    @stage("names")
    def _name_clusters(self) -> None:
        """Name the clusters by their keywords, but for those that the user has named."""
        embeddings = self._encode_training_set()
        if not self.is_world_process_zero():
            return
        texts = read_texts(self.train_dataset, self.processing_class)
        state, config = self._started_clustering, self.model.config
        *self.keywords_of_levels, self.keywords = keywords = find_keywords_of_levels(
            texts, state.clusters.numpy(), embeddings, config, self.inference
        )
        named_by_user = state.named_by_user.tolist()
        name_levels(config, keywords, named_by_user, keeps_coarser=all(named_by_user))

    def _encode_training_set(self) -> np.ndarray:
        """Embeddings of the training set, made once for the weights of each step."""
        guard = None if self.clustering is None else self.clustering.guard
        weights = (self.state.global_step, guard is not None and guard.restored)
        if self._training_pass is None or self._training_pass[0] != weights:
            self._training_pass = weights, self.inference.encode(self.train_dataset)
        return self._training_pass[1]

    @stage("words")
    def _lexical_view(self) -> np.ndarray:
        """What the words of the training set say; nothing where it is not wanted."""
        if not self.args.lexical_teacher and self.args.init == "kmeans":
            return np.zeros((len(self.train_dataset), 0), dtype=np.float32)
        special = set(self.processing_class.all_special_ids)
        prefix = prefix_ids(self.processing_class)
        documents = WholeDocuments(self.train_dataset, self.processing_class)
        return lexical_view(documents, self.args.seed, special=special, prefix=prefix)

    # Losses

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, Any]:
        """Also count the documents of the update, over all of its micro-batches and processes."""
        batches, num_items_in_batch = super().get_batch_samples(epoch_iterator, num_batches, device)
        documents = torch.tensor(sum(len(batch["index"]) for batch in batches), device=device)
        self._documents_in_update = self.accelerator.gather(documents).sum()
        self._updates_to_log += 1
        return batches, num_items_in_batch

    def training_step(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Gradients of a batch, which goes through the model in parts, as memory allows."""
        *parts, last = split_batch(inputs, self.args.max_tokens_per_pass)
        loss = torch.zeros((), device=self.args.device)
        with attention_kernel(self.accelerator, inputs["input_ids"].shape[1]):
            for part in parts:
                with self.accelerator.no_sync(model):
                    loss += super().training_step(model, part, num_items_in_batch)
            return loss + super().training_step(model, last, num_items_in_batch)

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
        sum over its documents divided by those of the update. A loss without a weight is not
        computed. Held-out documents (`evaluate`) have no target: their loss is L_m.
        """
        inputs, index = dict(inputs), inputs["index"]
        del inputs["index"]
        if not model.training:
            outputs = model(**inputs)
            return (outputs.mlm_loss, outputs) if return_outputs else outputs.mlm_loss
        if not self.args.mlm_weight:
            del inputs["labels"]
        # There may be no masked token at all.
        num_items_in_batch = torch.as_tensor(num_items_in_batch).clamp(min=1)
        outputs = model(**inputs, num_items_in_batch=num_items_in_batch)
        num_processes = self.accelerator.num_processes  # they average their gradients
        loss: torch.Tensor | float = 0.0
        if self.args.mlm_weight:
            averages = self.args.average_tokens_across_devices
            mlm_loss = outputs.mlm_loss * (num_processes if averages else 1)
            if self.new_head is not None:
                self.new_head.note(mlm_loss)
            loss += self.args.mlm_weight * self._note("mlm_loss", mlm_loss)
        if self.args.clustering_weight:
            p, clusters = self._started_clustering.targets_of(index)
            divergence = F.kl_div(outputs.logits.gather(1, clusters), p, reduction="sum")
            clustering_loss = divergence / self._documents_in_update * num_processes
            loss += self.args.clustering_weight * self._note("clustering_loss", clustering_loss)
        return (loss, outputs) if return_outputs else loss

    def _note(self, name: str, part: torch.Tensor) -> torch.Tensor:
        """Add a part of the loss to what the next log line says of it."""
        self._loss_parts[name] = self._loss_parts.get(name, 0) + part.detach()
        return part

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the parts of the loss, averaged over the same updates and processes, to every line
        with a `loss`.
        """
        if "loss" in logs:
            for name, total in self._loss_parts.items():
                logs[name] = self.accelerator.reduce(total, "mean").item() / self._updates_to_log
            self._loss_parts, self._updates_to_log = {}, 0
        super().log(logs, start_time)

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """Give what is new, the centroids and a head that the checkpoint came without, learning
        rates of their own, without weight decay.
        """
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(*args, **kwargs)
        if is_new:
            new = {self.args.centroid_learning_rate: [self.model.cluster_head.centroids]}
            if self.model.config.mlm_head_is_fresh:
                head = self.model.mlm_head_parameters()
                new.setdefault(LEARNING_RATE_OF_NEW_HEAD, []).extend(head)
            own = {id(parameter) for group in new.values() for parameter in group}
            for group in optimizer.param_groups:
                group["params"] = [p for p in group["params"] if id(p) not in own]
            for learning_rate, parameters in new.items():
                added = {"params": parameters, "lr": learning_rate, "weight_decay": 0.0}
                optimizer.add_param_group(added)
        return optimizer

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        args = self.args
        if args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        batch_size = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        lengths = document_lengths(train_dataset or self.train_dataset)
        return EpochSeededSampler(batch_size, lengths, args.seed)

    # What a finished model says of documents

    def predict(  # type: ignore[override]  # it takes texts too, and says more
        self,
        test_dataset: Dataset | IterableDataset | list[str] | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "test",
    ) -> ClusterPrediction:
        """Cluster documents with the model as it stands.

        Args:
            test_dataset (`Dataset`, `IterableDataset` or `list[str]`, *optional*): Texts, a dataset
                with a column `text`, or a tokenised one; it may be a stream. `None`: the training
                set, right after `train()`, whose last pass over it is not made again.
            ignore_keys (`list[str]`, *optional*): Of the base class; there is nothing to ignore.
            metric_key_prefix (`str`, *optional*, defaults to `"test"`): Before the names of the
                metrics, which tell how long it took.

        Raises:
            InputError: The model has no clusters yet, or there are no documents.
        """
        if not self.model.has_clusters:
            raise InputError(
                "The model has no clusters yet. Call train() first, or load a trained model."
            )
        started = time.time()
        if test_dataset is None:
            embeddings = self._encode_training_set()
        else:
            parts = prepare_parts(test_dataset, self.processing_class)
            embeddings = np.concatenate([self.inference.encode(part) for part in parts])
        q = np.concatenate([part.numpy() for part in self.inference.assign_in_parts(embeddings)])
        metrics = speed_metrics(metric_key_prefix, started, num_samples=len(q))
        return ClusterPrediction(q, None, metrics, embeddings)

    # What a checkpoint needs to go on, and what the card says

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model; within a checkpoint, the state of the clustering too."""
        checkpoint = output_dir if _internal_call and self.args.should_save else None
        if checkpoint:  # one that stood here is not whole from now on
            Path(checkpoint, TRAINER_STATE_NAME).unlink(missing_ok=True)
        super().save_model(output_dir, _internal_call=_internal_call)
        if checkpoint and self.clustering is not None:
            self.clustering.save(checkpoint)

    def card_facts(self) -> dict[str, Any]:
        state = self.clustering
        if state is None:
            return {}
        sizes = torch.bincount(state.clusters, minlength=state.num_clusters).tolist()
        facts: dict[str, Any] = {"sizes": sizes, "keywords": self.keywords}
        facts["kept"] = self.kept_clusters
        if self.teacher_embeddings is not None:
            facts["teacher"] = f"embeddings of {self.teacher_embeddings.shape[1]} dimensions"
        return facts

    def _load_clustering(self, checkpoint: str) -> None:
        """Take the clusters of a checkpoint, whose number and names may be others than ours."""
        check_documents(checkpoint, len(self.train_dataset))
        saved, config = type(self.model.config).from_pretrained(checkpoint), self.model.config
        if saved.num_clusters != config.num_clusters:
            self.model.resize_clusters(saved.num_clusters)
        names = ("alpha", "id2label", "label2id", "known_topics", "mlm_head_is_fresh")
        for name in (*names, "levels", "level_labels"):
            setattr(config, name, getattr(saved, name))
        self.clustering = state = ClusteringState.load(checkpoint)
        state.guard.keeps_weights = self.args.keep_best
        if state.targets is not None:
            state.targets = state.targets.to(self.args.device)


def _prepare(dataset: Any, tokenizer: Any) -> Any:
    """Tokenised documents, of one dataset or of several by name."""
    if isinstance(dataset, dict):
        return {name: prepare_dataset(part, tokenizer) for name, part in dataset.items()}
    return None if dataset is None else prepare_dataset(dataset, tokenizer)
