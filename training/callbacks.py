"""What happens between steps: new targets, new masks, and an end where nothing moves any more."""

import logging
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


logger = logging.getLogger(__name__)


class RefreshTargets(TrainerCallback):
    """Computes the target anew at every epoch or every few steps, logs it, and stops training when
    nothing moves. Each epoch masks other tokens.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.steps_per_epoch = 0
        self.steps_per_refresh = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        batches = len(kwargs["train_dataloader"])
        self.steps_per_epoch = -(-batches // args.gradient_accumulation_steps)
        update = self.trainer.args.target_update
        self.steps_per_refresh = self.steps_per_epoch if update == "epoch" else int(update)

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.trainer.data_collator.set_epoch(state.global_step // self.steps_per_epoch)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.trainer.new_head.end_update(self.trainer.accelerator)
        if state.global_step % self.steps_per_refresh:
            return
        should_log = control.should_log
        changed = self.trainer.refresh()
        control.should_log = should_log  # the refresh's own log line has reset it
        control.should_training_stop |= self.ends(changed)

    def ends(self, changed: float) -> bool:
        """Whether the training ends with a refresh in which such a share of the documents changed
        cluster.
        """
        args = self.trainer.args
        if args.keep_best and self.trainer.clustering.guard.ruined:
            return True
        if changed < args.stop_tolerance:
            logger.info(
                "Stopped: %.4f of the documents changed cluster, fewer than stop_tolerance.",
                changed,
            )
        return changed < args.stop_tolerance

    def had_ended(self, state: TrainerState, max_steps: int) -> bool:
        """Whether a training that is resumed had ended with its last step, as `ends` says or as it
        had taken all of them. It would take one step more.
        """
        refreshes = [
            line["changed"]
            for line in state.log_history
            if "changed" in line and line["step"] == state.global_step
        ]
        return state.global_step >= max_steps or bool(refreshes) and self.ends(refreshes[-1])
