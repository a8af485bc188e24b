"""What stands in the output folder before a run: a checkpoint to go on from, or what must not be
overwritten.
"""

import json
import logging
import os
from pathlib import Path

from safetensors import safe_open
from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from ..errors import InputError
from ..publishing import hub_files
from .arguments import ClusteringTrainingArguments
from .state import STATE_NAME


logger = logging.getLogger(__name__)


def is_whole(checkpoint: str | Path) -> bool:
    """Whether a checkpoint is complete: its `trainer_state.json`, written last, is there and not
    cut off.
    """
    path = Path(checkpoint, TRAINER_STATE_NAME)
    try:
        return path.is_file() and isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:  # the process was killed while it wrote
        return False


def whole_checkpoints(output_dir: str | Path) -> list[Path]:
    """The whole checkpoints of a folder, the last one at the end."""
    found = [
        path
        for path in Path(output_dir).glob("checkpoint-*")
        if path.name.removeprefix("checkpoint-").isdigit()
    ]
    return sorted(
        filter(is_whole, found), key=lambda path: int(path.name.removeprefix("checkpoint-"))
    )


def find_last_checkpoint(output_dir: str | Path) -> str:
    """The last whole checkpoint.

    Raises:
        InputError: There is none.
    """
    checkpoints = whole_checkpoints(output_dir)
    if not checkpoints:
        raise InputError(f"There is no checkpoint to resume from in '{output_dir}'.")
    return str(checkpoints[-1])


def choose_checkpoint(args: ClusteringTrainingArguments) -> str | None:
    """The checkpoint that a training goes on from; `None` where it starts from the beginning.

    A training that was stopped before its first checkpoint was whole starts from the beginning, so
    that the command that resumes is the same at any time.

    Raises:
        InputError: The checkpoint that was named is not whole, or the training would overwrite what
            is not its own.
    """
    if not args.do_train:
        return None
    output, named = Path(args.output_dir), args.resume_from_checkpoint
    if isinstance(named, str) and not is_whole(named):
        raise InputError(
            f"'{named}' is no whole checkpoint: its {TRAINER_STATE_NAME} is missing or cut off. "
            "Pass --resume_from_checkpoint without a folder to go on from the last whole one in "
            "--output_dir."
        )
    if isinstance(named, str) and Path(named).resolve().parent == output.resolve():
        return named
    if args.resumes_last and (checkpoints := whole_checkpoints(output)):
        return str(checkpoints[-1])
    in_the_way = hub_files(output) + [
        path.name
        for path in sorted(output.glob("results/topics.json"))  # no preview has it
    ]
    if not named:
        in_the_way += [path.name for path in sorted(output.glob("checkpoint-*"))]
    if in_the_way:
        remedy = "." if named else ", or pass --resume_from_checkpoint to go on with the run in it."
        raise InputError(
            f"--output_dir '{output}' already holds a model or other files that a training writes "
            f"({', '.join(in_the_way[:3])}{', ...' if in_the_way[3:] else ''}). Choose another "
            f"folder{remedy}"
        )
    if args.resumes_last and args.should_log:
        logger.warning(
            "There is no whole checkpoint in '%s' yet: the training starts from the beginning.",
            output,
        )
    return named if isinstance(named, str) else None


def read_state(checkpoint: str | Path) -> TrainerState:
    """What the trainer had done when it wrote a checkpoint: its steps and its log."""
    return TrainerState.load_from_json(os.path.join(checkpoint, TRAINER_STATE_NAME))


def check_documents(checkpoint: str | None, num_documents: int) -> None:
    """Raise `InputError` unless this trainer has written the checkpoint, if there is one, for so
    many documents.
    """
    if checkpoint is None:
        return
    path = os.path.join(checkpoint, STATE_NAME)
    if not os.path.isfile(path):
        raise InputError(
            f"'{checkpoint}' holds no {STATE_NAME}: it is no checkpoint of this trainer."
        )
    with safe_open(path, "pt") as state:
        (found,) = state.get_slice("clusters").get_shape()
    if found != num_documents:
        raise InputError(
            f"'{checkpoint}' was written for {found} documents, there are now {num_documents}. "
            "Resume with the same texts."
        )


def check_writable(output_dir: str | Path) -> None:
    """Raise `InputError` where results could not be written to the folder, which need not exist
    yet.
    """
    results = Path(output_dir, "results").absolute()
    nearest = next(path for path in (results, *results.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise InputError(
            f"--output_dir '{output_dir}' cannot be made: '{nearest}' is no folder. Choose another "
            "one."
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(
            f"--output_dir '{output_dir}': nothing may be written to '{nearest}'. Choose another "
            "one."
        )
