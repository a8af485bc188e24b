"""One training in which nothing is random but the start; `test_two_processes.py` has a launcher run it.

    plain_training.py ENCODER TEXTS BATCH_SIZE OUTPUT_DIR

TEXTS is a JSON list. The main process leaves the p table, the weights and the log in OUTPUT_DIR.
"""

import json
import sys
from pathlib import Path

import torch
from conftest import FixedMasks
from safetensors.torch import save_file
from transformers import AutoTokenizer

from modeling_bert_cluster import BertForClustering
from trainer import ClusteringTrainer, ClusteringTrainingArguments


def main(encoder: str, texts: str, batch_size: str, output_dir: str) -> None:
    args = ClusteringTrainingArguments(
        output_dir,
        per_device_train_batch_size=int(batch_size),
        num_train_epochs=2,
        optim="sgd",
        learning_rate=0.05,
        centroid_learning_rate=0.05,
        max_grad_norm=0,
        logging_steps=1,
        save_strategy="no",
        stop_tolerance=0,
        keep_best=False,
        disable_tqdm=True,
        use_cpu=True,
    )
    model, tokenizer = (
        BertForClustering.from_pretrained(encoder, num_clusters=3),
        AutoTokenizer.from_pretrained(encoder),
    )
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    trainer = ClusteringTrainer(
        model,
        args,
        train_dataset=json.loads(Path(texts).read_text()),
        processing_class=tokenizer,
        data_collator=FixedMasks(tokenizer, args.mlm_probability),
    )
    trainer.train()
    if trainer.is_world_process_zero():
        about = {"num_processes": trainer.accelerator.num_processes, "log": trainer.state.log_history}
        Path(output_dir, "about.json").write_text(json.dumps(about))
        save_file({"targets": trainer.targets} | dict(model.named_parameters()), Path(output_dir, "state.safetensors"))
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


if __name__ == "__main__":
    main(*sys.argv[1:])
