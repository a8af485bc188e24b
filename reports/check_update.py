"""Whether an update can be made, and may be written where it is to go."""

from pathlib import Path

from ..errors import InputError
from ..publishing import hub_files
from ..training.arguments import ClusteringTrainingArguments
from ..training.run_arguments import DataArguments
from .changes import read_changes
from .edit_log import EDITS
from .run_folder import RunFolder
from .updated import accepted_numbers


# What says otherwise which documents there are, or which clusters.
NOT_WITH_UPDATES = (
    "train_file",
    "dataset_name",
    "topics",
    "known_label_column",
    "teacher_embeddings",
    "max_train_samples",
    "init",
    "levels",
    "max_clusters",
    "resume_from_checkpoint",
    "edits_of",
)


def check_update(model: str, data_args: DataArguments, args: ClusteringTrainingArguments) -> None:
    """Raise `InputError` where an update cannot be made."""
    if data_args.update_file is None:
        if data_args.accept:
            raise InputError("--accept is of topics that --update_file proposes. Pass both.")
        return
    given = {**vars(data_args), **vars(args)}
    others = [name for name in NOT_WITH_UPDATES if given[name] is not None]
    if others or args.edits_clusters:
        option = f"--{others[0]}" if others else "edits of clusters"
        raise InputError(f"--update_file does not go with {option}. Leave one out.")
    if data_args.min_topic_size < 2:
        raise InputError(f"--min_topic_size: expected 2 or more, got {data_args.min_topic_size}.")
    if bool(accepted_numbers(data_args.accept)) != args.do_train:
        raise InputError(
            "--update_file: expected --do_train with --accept, and --do_report without it."
        )
    _check_folder(model, str(data_args.update_file), Path(args.output_dir))


def _check_folder(model: str, source: str, output: Path) -> None:
    """Raise `InputError` where an update may not be written to a folder."""
    origin = RunFolder(model)
    if origin.is_at(output):
        raise InputError("--update_file: expected another --output_dir than the model's folder.")
    last = [{}, *read_changes(output).get("lineage", [])][-1]
    made_of = last.get("model"), last.get("file"), last.get("accepted")
    is_proposal = made_of == (origin.folder.resolve().name, Path(source).name, [])
    is_edited = (output / EDITS).exists() and not (origin.folder / EDITS).exists()
    if hub_files(output) and (not is_proposal or is_edited):
        raise InputError(
            f"--output_dir '{output}' already holds a model, and more than what this update "
            "proposed. Choose another folder."
        )
