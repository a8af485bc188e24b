"""What the trainer is made of, what a training returns, and what it looks at: in a step or two."""

import time

import numpy as np
import pytest
import torch
from transformers import PrinterCallback, Trainer, TrainerCallback
from transformers.trainer_utils import TrainOutput

from bert_clustering import trainer as trainer_module
from bert_clustering.clusters.targets import target_distribution
from bert_clustering.errors import InputError
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments
from bert_clustering.training.readable_log import ReadableLog
from helpers import parameters


QUICK = {"max_steps": 1, "init": "kmeans", "lexical_teacher": False}


def test_arguments_of_the_base_class_are_its_own_and_the_output_has_a_place(
    corpus, tokenizer, encoder_dir, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    callback, model = TrainerCallback(), BertForClustering.from_pretrained(encoder_dir)
    trainer = ClusteringTrainer(
        model, train_dataset=corpus[0], processing_class=tokenizer, callbacks=[callback]
    )
    callbacks = trainer.callback_handler.callbacks
    assert callback in callbacks and trainer.args.output_dir == "trainer_output"
    assert trainer.refresh_targets in callbacks


def test_log_lines_are_sentences(make_trainer):
    kinds = [type(callback) for callback in make_trainer().callback_handler.callbacks]
    assert ReadableLog in kinds and PrinterCallback not in kinds


@pytest.mark.parametrize("number, is_refused", [(0, False), (1, False), (2, True)])
def test_several_gpus_in_a_process_are_refused(make_trainer, monkeypatch, number, is_refused):
    monkeypatch.setattr(ClusteringTrainingArguments, "n_gpu", property(lambda args: number))
    if not is_refused:
        assert make_trainer().args.n_gpu == number
        return
    with pytest.raises(InputError, match="Expected one GPU per process, got 2"):
        make_trainer()


def test_training_tells_how_long_the_start_took_and_how_good_the_clusters_are(make_trainer, corpus):
    trainer, started = make_trainer(texts=corpus[0][:30], **QUICK), time.perf_counter()
    metrics = trainer.train().metrics
    assert 0 < metrics["start_runtime"] < time.perf_counter() - started
    assert metrics["cluster_score"] == trainer.clustering.guard.kept_score
    assert metrics["train_loss"] > 0


def test_training_ends_with_clusters_that_were_judged_at_its_last_step(make_trainer, corpus):
    trainer = make_trainer(texts=corpus[0][:30], keep_best=False, **QUICK)  # less than an epoch
    trainer.train()
    guard = trainer.clustering.guard
    (line,) = [line for line in trainer.state.log_history if "changed" in line]
    assert guard.judged_step == trainer.state.global_step == line["step"] == 1
    assert line["cluster_score"] == guard.judged_score


@pytest.mark.parametrize(
    "teacher, init, reads_words",
    [(True, "kmeans", True), (False, "kmeans", False), (False, "auto", True), (True, "auto", True)],
)
def test_words_are_read_where_teacher_or_start_want_them(
    make_trainer, monkeypatch, teacher, init, reads_words
):
    asked = []

    def lexical_view(documents, seed, special, prefix):
        asked.append((len(documents), seed, special, prefix))
        return np.ones((len(documents), 2), dtype=np.float32)

    def initialize(model, args, inference, views, labels):
        raise LookupError(*views.lexical.shape, views.lexical.dtype)

    monkeypatch.setattr(trainer_module, "lexical_view", lexical_view)
    monkeypatch.setattr(trainer_module, "initialize", initialize)
    trainer = make_trainer(lexical_teacher=teacher, init=init, seed=3)
    with pytest.raises(LookupError) as stopped:
        trainer.initialize_clusters()
    assert stopped.value.args == (91, 2 if reads_words else 0, np.float32)
    special = set(trainer.processing_class.all_special_ids)
    assert asked == [(91, 3, special, [])] * reads_words


@pytest.mark.parametrize(
    "keep_best, steps, is_start", [(True, 0, True), (True, 1, False), (False, 0, False)]
)
def test_confidence_is_bounded_as_that_of_the_start_where_its_weights_are_kept(
    make_trainer, monkeypatch, keep_best, steps, is_start
):
    """Steps that move nothing, so that the guard keeps the last."""
    seen, trainer = [], make_trainer(keep_best=keep_best, **QUICK)

    def train(trainer, *args):
        trainer.state.global_step = steps
        return TrainOutput(steps, 0.0, {})

    monkeypatch.setattr(Trainer, "train", train)
    monkeypatch.setattr(trainer_module, "bound_confidence", lambda *args: seen.append(args[-1]))
    metrics, guard = trainer.train().metrics, trainer.clustering.guard
    assert seen == [is_start]
    assert metrics["cluster_score"] == (guard.kept_score if keep_best else guard.judged_score)
    assert np.isfinite(metrics["cluster_score"])
    scores = trainer.inference.outlier_scores(trainer.predict().embeddings)
    assert np.median(scores) == pytest.approx(0, abs=1e-4)


def test_clusters_are_named_anew_at_the_end(make_trainer, monkeypatch):
    before, trainer = [], make_trainer(keep_best=False, **QUICK)

    def train(trainer, *args):
        before.extend(trainer.keywords)
        with torch.no_grad():
            trainer.model.cluster_head.centroids[:] = trainer.model.cluster_head.centroids[
                [1, 0, 2]
            ]
        trainer.state.global_step = 1
        return TrainOutput(1, 0.0, {})

    monkeypatch.setattr(Trainer, "train", train)
    trainer.train()
    assert trainer.keywords[:2] == before[1::-1] and before[0] != before[1]


@pytest.mark.parametrize("is_taught", [True, False])
def test_a_refresh_makes_the_target_anew_unless_a_teacher_has_made_it(make_trainer, is_taught):
    trainer = make_trainer(lexical_teacher=is_taught)
    trainer.initialize_clusters()
    state = trainer.clustering
    before = state.targets.dense()
    with torch.no_grad():
        trainer.model.cluster_head.centroids += 0.02 * torch.randn(3, 40)
    trainer.refresh()
    q = trainer.inference.assign(trainer.inference.encode(trainer.train_dataset))
    assert torch.equal(state.clusters, q.most_probable)
    expected = before if is_taught else target_distribution(q.dense(), state.prior)
    torch.testing.assert_close(state.targets.dense(), expected)


def test_clusters_have_keywords_and_names_from_their_start_on(make_trainer):
    trainer = make_trainer()
    trainer.initialize_clusters()
    assert len(trainer.keywords) == 3 and all(trainer.keywords)
    names = list(trainer.model.config.id2label.values())
    assert len(set(names)) == 3 and not any(name.startswith("LABEL_") for name in names)


def test_what_the_base_class_takes_for_a_training_is_handed_on(make_trainer, monkeypatch):
    calls, trainer = [], make_trainer(**QUICK)

    def train(trainer, *args, **kwargs):
        calls.append((args, kwargs))
        return TrainOutput(0, 0.0, {})

    monkeypatch.setattr(Trainer, "train", train)
    trainer.train(None, None, ["logits"])
    trainer.train(ignore_keys_for_eval=["logits"])
    assert calls == [
        ((None, None, ["logits"]), {}),
        ((None,), {"ignore_keys_for_eval": ["logits"]}),
    ]


@pytest.mark.parametrize("is_named", [True, False])
def test_a_checkpoint_is_handed_on_to_the_base_class(make_trainer, monkeypatch, is_named):
    make_trainer(save_strategy="steps", save_steps=1, **QUICK).train()
    calls, trainer = [], make_trainer(**QUICK)
    checkpoint = f"{trainer.args.output_dir}/checkpoint-1"

    def train(trainer, *args):
        calls.append(args)
        return TrainOutput(1, 0.0, {})

    monkeypatch.setattr(Trainer, "train", train)
    trainer.train(resume_from_checkpoint=checkpoint if is_named else True)
    assert calls == [(checkpoint,)]


def test_a_training_that_had_taken_its_steps_takes_no_other(make_trainer):
    whole, resumed = (
        make_trainer(save_strategy="steps", save_steps=1, **QUICK),
        make_trainer(**QUICK),
    )
    whole.train()
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == 1 and resumed.clustering.guard.keeps_weights
    for name, parameter in parameters(whole).items():
        assert torch.equal(parameter, parameters(resumed)[name]), name
    careless = make_trainer(keep_best=False, **QUICK)
    careless.train(resume_from_checkpoint=True)
    assert not careless.clustering.guard.keeps_weights


def test_a_training_looks_at_the_documents_once_per_change_of_the_weights(make_trainer, corpus):
    trainer, looks = make_trainer(texts=corpus[0][:30], **QUICK), []
    encode = trainer.inference.encode

    def watched(dataset):
        looks.append(trainer.state.global_step)
        return encode(dataset)

    trainer.inference.encode = watched
    trainer.initialize_clusters()
    trainer.predict()
    assert looks == [0]
    with torch.no_grad():
        trainer.model.get_input_embeddings().weight += 0.1
    trainer.train()  # goes on from the start that is there
    trainer.predict()
    assert looks[:2] == [0, 1] and len(looks) <= 3


@pytest.mark.parametrize("averages", [True, False])
@pytest.mark.parametrize("num_processes", [1, 2])
@pytest.mark.parametrize("num_items", [0, 1, 2, 5])
def test_parts_of_a_loss_count_for_the_whole_update(
    make_trainer, monkeypatch, averages, num_processes, num_items
):
    """Gradients are averaged over the processes, so that each loss is multiplied by their number;
    the masked-LM loss only where its tokens are those of all of them.
    """
    trainer = make_trainer(
        average_tokens_across_devices=averages, fixed_masks=True, init="kmeans", mlm_weight=0.5
    )
    trainer.initialize_clusters()
    batch = trainer.data_collator(list(trainer.train_dataset)[:4])
    trainer.get_batch_samples(iter([batch, batch]), 2, torch.device("cpu"))  # of 8 documents
    model = trainer.model.train()
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        output = model(**inputs, labels=batch["labels"])
    masked_lm = output.mlm_loss * (batch["labels"] != -100).sum() / max(num_items, 1)
    p, log_q = trainer.clustering.targets.dense()[batch["index"]], output.logits
    clustering = (p * (p.log() - log_q)).sum() / 8
    monkeypatch.setattr(
        type(trainer.accelerator), "num_processes", property(lambda accelerator: num_processes)
    )
    loss = trainer.compute_loss(model, batch, num_items_in_batch=num_items)
    expected = 0.5 * masked_lm * (num_processes if averages else 1) + clustering * num_processes
    torch.testing.assert_close(loss, expected)


def test_an_optimizer_is_of_the_model_that_is_asked_for(make_trainer):
    other = torch.nn.Linear(2, 3)
    groups = make_trainer().create_optimizer(model=other).param_groups
    assert any(parameter is other.weight for group in groups for parameter in group["params"])


@pytest.mark.parametrize("strategy", ["random", "group_by_length", "sequential"])
def test_documents_come_in_the_order_of_the_strategy(make_trainer, monkeypatch, strategy):
    """Of length: by batches of an update, and by the seed of the arguments and the epoch."""
    made, sampler = [], trainer_module.EpochSeededSampler

    def watched(batch_size, lengths, seed):
        made.append((batch_size, len(lengths), seed))
        return sampler(batch_size, lengths, seed)

    monkeypatch.setattr(trainer_module, "EpochSeededSampler", watched)
    trainer = make_trainer(train_sampling_strategy=strategy, seed=3, gradient_accumulation_steps=2)
    order = torch.cat([batch["index"] for batch in trainer.get_train_dataloader()]).tolist()
    assert sorted(order) == list(range(91))
    assert (order == list(range(91))) == (strategy == "sequential")
    assert made == [(2 * 16, 91, 3)] * (strategy == "group_by_length")


def test_metrics_of_a_prediction_are_those_of_a_test(make_trainer):
    trainer = make_trainer()
    trainer.initialize_clusters()
    assert trainer.predict().metrics["test_samples_per_second"] > 0


def test_facts_for_the_card(make_trainer):
    trainer = make_trainer(init="kmeans")
    assert trainer.card_facts() == {}
    trainer.initialize_clusters()
    state = trainer.clustering
    state.clusters = torch.tensor([1] * 90 + [0])
    facts = {"sizes": [1, 90, 0], "keywords": trainer.keywords, "kept": False}
    assert trainer.card_facts() == facts
    trainer.args.init = None  # the model's own clusters, unless a start was made and repeated
    state.repeats = None
    assert trainer.card_facts() == facts | {"kept": True}
    state.repeats = torch.zeros(2, 91, dtype=torch.int64)
    assert trainer.card_facts() == facts


def test_the_start_sees_the_words_of_whole_documents(make_trainer, corpus):
    head = "apple pear " * 8
    texts = [head + "moon orbit " * 3, head + "plum fig " * 3, *corpus[0]]
    trainer = make_trainer(texts=texts)
    same, other = trainer.views().lexical[:2]
    assert same @ other < 0.999
    trainer.train_dataset = trainer.train_dataset.remove_columns("text")  # the heads are alike
    same, other = trainer.views().lexical[:2]
    assert same @ other > 0.999
