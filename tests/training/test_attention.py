"""Short texts go through attention as plain products, where a fused kernel would be slow."""

import pytest
import torch
from accelerate import Accelerator

from bert_clustering.training.attention import LONGEST, attention_kernel


@pytest.mark.parametrize(
    "precision, num_tokens, fused",
    [("bf16", LONGEST, False), ("bf16", LONGEST + 1, True), ("no", 8, True)],
)
def test_short_texts_in_bfloat16_are_multiplied_plainly(precision, num_tokens, fused, monkeypatch):
    accelerator = Accelerator(cpu=True)
    monkeypatch.setattr(accelerator.state, "_mixed_precision", precision)
    with attention_kernel(accelerator, num_tokens):
        assert torch.backends.cuda.flash_sdp_enabled() == fused
    assert torch.backends.cuda.flash_sdp_enabled()


def test_a_training_in_bfloat16_takes_the_kernel_of_its_texts(make_trainer):
    trainer, seen = make_trainer(bf16=True, max_steps=1), []
    step = trainer.compute_loss

    def watched(*args, **kwargs):
        seen.append(torch.backends.cuda.flash_sdp_enabled())
        return step(*args, **kwargs)

    trainer.compute_loss = watched
    trainer.train()
    assert seen and not any(seen)
