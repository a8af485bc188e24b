"""Topics that people know of some texts steer the clusters."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bert_clustering.errors import InputError


def every_tenth(classes: list[str], names: set[str]) -> list[str | None]:
    """The class of every tenth text, where it is one of these."""
    return [name if row % 10 == 0 and name in names else None for row, name in enumerate(classes)]


def test_known_topics_keep_their_number_and_name(make_trainer, corpus):
    texts, classes = corpus
    labels = every_tenth(classes, {"money", "space"})
    trainer = make_trainer(known_topics=labels, num_train_epochs=2)
    trainer.train()
    names = [trainer.model.config.id2label[cluster] for cluster in range(3)]
    topics = list(dict.fromkeys(name for name in labels if name))
    assert names[:2] == topics and names[2] not in {"money", "space"}
    assert trainer.model.config.label2id[topics[1]] == 1
    clusters = trainer.predict(texts).clusters
    for number, topic in enumerate(topics):
        of_topic = np.array(classes) == topic
        assert (clusters[of_topic] == number).mean() > 0.8
    state = trainer.clustering
    known = state.labels >= 0
    assert known.sum() == sum(label is not None for label in labels)
    assert torch.equal(state.targets.most_probable[known], state.labels[known])
    assert (state.targets.probabilities[known] == 1).all()
    assert torch.equal(state.start_clusters[known], state.labels[known])


def test_without_a_teacher_they_stay_in_the_target_at_every_refresh(make_trainer, corpus):
    trainer = make_trainer(
        known_topics=every_tenth(corpus[1], {"money"}), lexical_teacher=False, num_train_epochs=2
    )
    trainer.train()
    known = trainer.clustering.labels >= 0
    assert (trainer.clustering.targets.dense()[known, 0] == 1).all()


def test_they_hold_in_a_resumed_training(make_trainer, corpus):
    labels = every_tenth(corpus[1], {"money", "space"})
    common = {"known_topics": labels, "num_train_epochs": 2}
    whole = make_trainer(save_strategy="epoch", save_total_limit=2, **common)
    whole.train()
    first = min(Path(whole.args.output_dir).glob("checkpoint-*"), key=lambda p: int(p.name[11:]))
    resumed = make_trainer(num_train_epochs=2)
    resumed.train(resume_from_checkpoint=str(first))
    for name, weight in whole.model.named_parameters():
        assert torch.equal(weight, dict(resumed.model.named_parameters())[name]), name
    assert resumed.model.config.id2label == whole.model.config.id2label


def test_a_search_for_the_number_finds_no_fewer_than_the_topics(make_trainer, corpus):
    trainer = make_trainer(
        known_topics=every_tenth(corpus[1], {"money", "space", "fruit"}), max_clusters=6
    )
    trainer.initialize_clusters()
    assert trainer.model.config.num_clusters >= 3
    assert set(trainer.known.names) <= set(trainer.model.config.id2label.values())


@pytest.mark.parametrize(
    "labels, arguments, said",
    [
        (["a"] * 90, {}, "expected 91 labels, one per document or None, got 90"),
        ([None] * 91, {}, "expected a topic of one document or more, got none"),
        ([*"abcd", *[None] * 87], {}, "4 do not fit into 3 clusters"),
        ([*"ab", *[None] * 89], {"init": "kmeans"}, "do not go with --init kmeans"),
    ],
)
def test_labels_that_cannot_steer_are_one_error(make_trainer, labels, arguments, said):
    with pytest.raises(InputError, match=said):
        make_trainer(known_topics=labels, **arguments)


def test_a_model_that_has_clusters_is_steered_by_its_names(make_trainer, corpus):
    trainer = make_trainer(known_topics=every_tenth(corpus[1], {"money"}), num_train_epochs=1)
    trainer.train()
    trainer.save_model()
    folder, names = trainer.args.output_dir, trainer.model.config.id2label
    labels = [names[2] if row == 5 else None for row in range(91)]
    again = make_trainer(name=folder, known_topics=labels, num_train_epochs=1)
    again.train()
    assert again.model.config.id2label == names
    assert again.clustering.targets.dense()[5].tolist() == [0, 0, 1]
    assert again.clustering.labels.tolist() == [2 if row == 5 else -1 for row in range(91)]
    with pytest.raises(InputError, match="none is called 'space'"):
        make_trainer(name=folder, known_topics=every_tenth(corpus[1], {"space"}))
    make_trainer(name=folder, known_topics=every_tenth(corpus[1], {"space"}), init="auto")
