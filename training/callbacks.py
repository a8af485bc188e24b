"""What happens between steps: targets computed anew, and an end where nothing moves or clusters
collapse.
"""

import logging
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from .arguments import ClusteringTrainingArguments


logger = logging.getLogger(__name__)


class RefreshTargets(TrainerCallback):
    """Computes the target anew at every epoch or every few steps, logs it, and stops training when
    nothing moves.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.every = 0

    def on_train_begin(
        self,
        args: ClusteringTrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        steps_an_epoch = -(-len(kwargs["train_dataloader"]) // args.gradient_accumulation_steps)
        self.every = steps_an_epoch if args.target_update == "epoch" else int(args.target_update)

    def on_step_end(
        self,
        args: ClusteringTrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        if state.global_step % self.every:
            return
        should_log = control.should_log
        changed = self.trainer.refresh()
        control.should_log = should_log  # the refresh's own log line has reset it
        control.should_training_stop |= self.ends(args, changed)

    def ends(self, args: ClusteringTrainingArguments, changed: float) -> bool:
        """Whether the training ends with a refresh in which such a share of the documents changed
        cluster.
        """
        if args.keep_best and self.trainer.guard.collapsed:
            return True
        if changed < args.stop_tolerance:
            logger.info(
                "Stopped: %.4f of the documents changed cluster, fewer than stop_tolerance.",
                changed,
            )
        return changed < args.stop_tolerance

    def had_ended(self, args: ClusteringTrainingArguments, state: TrainerState) -> bool:
        """Whether a training that is resumed had ended with its last step, as `ends` says."""
        refreshes = [
            line["changed"]
            for line in state.log_history
            if "changed" in line and line["step"] == state.global_step
        ]
        return bool(refreshes) and self.ends(args, refreshes[-1])
