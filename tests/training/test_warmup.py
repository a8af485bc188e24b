"""A new masked-LM head learns alone before the joint training."""

import torch

from bert_clustering.training.warmup import warm_up_mlm_head
from helpers import logged, parameters


def test_new_head_is_warmed_up_alone(make_trainer, headless_dir):
    trainer = make_trainer(name=headless_dir)
    assert trainer.model.config.mlm_head_is_fresh
    before = parameters(trainer)
    head = {id(parameter) for parameter in trainer.model.mlm_head_parameters()}
    moving = {name for name, parameter in trainer.model.named_parameters() if id(parameter) in head}
    warm_up_mlm_head(
        trainer.model,
        trainer.args,
        trainer.data_collator,
        trainer.train_dataset,
        trainer.processing_class,
    )
    moved = {
        name
        for name, parameter in parameters(trainer).items()
        if not torch.equal(before[name], parameter)
    }
    assert moved == moving and moved
    assert all(parameter.requires_grad for parameter in trainer.model.parameters())


def test_warm_up_lowers_the_masked_lm_loss_and_counts_for_nothing_else(make_trainer, headless_dir):
    cold = make_trainer(
        name=headless_dir, num_train_epochs=1, mlm_head_warmup_epochs=0, logging_steps=1
    )
    cold.train()
    warm = make_trainer(
        name=headless_dir, num_train_epochs=1, mlm_head_warmup_epochs=20, logging_steps=1
    )
    warm.train()
    assert logged(warm, "mlm_loss")[0] < logged(cold, "mlm_loss")[0] - 0.1
    assert warm.state.global_step == cold.state.global_step == 6
    assert not warm.model.config.mlm_head_is_fresh and not cold.model.config.mlm_head_is_fresh
