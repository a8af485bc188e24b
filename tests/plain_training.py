"""One training in which nothing is random but the start; `test_two_processes.py` has a launcher run
it.

    plain_training.py ENCODER TEXTS BATCH_SIZE OUTPUT_DIR

TEXTS is a JSON list. The main process leaves the p table, the weights and the log in OUTPUT_DIR.
"""

import json
import sys
from pathlib import Path

from safetensors.torch import save_file
from transformers import AutoTokenizer

from bert_clustering.training.sharing import share_out
from helpers import build_trainer


def main(encoder: str, texts: str, batch_size: str, output_dir: str) -> None:
    trainer = build_trainer(
        encoder,
        AutoTokenizer.from_pretrained(encoder),
        json.loads(Path(texts).read_text()),
        output_dir,
        fixed_masks=True,
        per_device_train_batch_size=int(batch_size),
        num_train_epochs=2,
        optim="sgd",
        learning_rate=0.05,
        centroid_learning_rate=0.05,
        max_grad_norm=0,
        logging_steps=1,
        keep_best=False,
    )
    trainer.train()
    rank = trainer.accelerator.process_index
    shared = share_out(lambda item: [item, rank], [1, 2, 3, 4, 5])
    if trainer.is_world_process_zero():
        about = {
            "num_processes": trainer.accelerator.num_processes,
            "shared": shared,
            "log": trainer.state.log_history,
        }
        Path(output_dir, "about.json").write_text(json.dumps(about))
        save_file(
            {"targets": trainer.clustering.targets.dense()}
            | dict(trainer.model.named_parameters()),
            Path(output_dir, "state.safetensors"),
        )
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


if __name__ == "__main__":
    main(*sys.argv[1:])
