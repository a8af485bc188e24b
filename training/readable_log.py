"""What a training says while it runs: sentences for people in place of dictionaries.

Trackers get the numbers.
"""

import logging
from typing import Any

from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerState


logger = logging.getLogger(__name__)


def use_readable_log(trainer: Trainer) -> None:
    """Make a trainer's log lines sentences, with its progress bar or without."""
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    trainer.add_callback(ReadableLog() if trainer.args.disable_tqdm else ReadableProgress())


def describe(logs: dict[str, float]) -> str:
    """A log line that a person understands.

    Example:
        >>> sizes = {"cluster_size_0": 30, "cluster_size_1": 10}
        >>> refresh = {"epoch": 2.0, "changed": 0.031, "mean_probability": 0.714, **sizes}
        >>> describe(refresh)  # doctest: +NORMALIZE_WHITESPACE
        'epoch 2: 3.1 % of the documents moved, largest cluster 75.0 %, smallest 25.0 %,
        mean probability 0.71'
        >>> describe({"epoch": 0.5, "loss": 1.25, "clustering_loss": 0.25, "mlm_loss": 5.0})
        'epoch 0.5: loss 1.25, clustering 0.25, masked-LM 5'
        >>> describe({"epoch": 1.0, "train_runtime": 40.36, "train_loss": 1.711})
        'epoch 1: seconds 40.36, mean loss 1.711'
    """
    epoch = f"epoch {logs['epoch']:.3g}: " if "epoch" in logs else ""
    sizes = [size for name, size in logs.items() if name.startswith("cluster_size_")]
    if sizes:
        return (
            f"{epoch}{100 * logs['changed']:.1f} % of the documents moved, "
            f"largest cluster {100 * max(sizes) / sum(sizes):.1f} %, smallest "
            f"{100 * min(sizes) / sum(sizes):.1f} %, mean probability "
            f"{logs['mean_probability']:.2f}"
        )
    titles = {"loss": "loss", "clustering_loss": "clustering", "mlm_loss": "masked-LM"}
    if "train_runtime" in logs:
        titles = {"train_runtime": "seconds", "train_loss": "mean loss"}
    elif "loss" not in logs:
        titles = {name: name for name, value in logs.items() if isinstance(value, (int, float))}
    unsaid = ("epoch", "total_flos")
    return epoch + ", ".join(
        f"{titles[name]} {logs[name]:.4g}" for name in titles if name in logs and name not in unsaid
    )


class ReadableLog(PrinterCallback):
    """Log lines as sentences."""

    def on_log(  # type: ignore[override]  # `logs` are never missing
        self, args: Any, state: TrainerState, *more: Any, logs: dict[str, float], **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            logger.info(describe(logs))


class ReadableProgress(ProgressCallback):
    """The progress bar, with the time left, below log lines as sentences."""

    training_bar: Any  # of tqdm, while a training runs

    def on_log(  # type: ignore[override]  # `logs` are never missing
        self, args: Any, state: TrainerState, *more: Any, logs: dict[str, float], **kwargs: Any
    ) -> None:
        if state.is_world_process_zero and self.training_bar is not None:
            self.training_bar.write(describe(logs))
