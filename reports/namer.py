"""Who is to name the clusters, as the options say, and whether that goes."""

from pathlib import Path

import torch
from accelerate.utils import broadcast_object_list

from ..errors import InputError
from ..training.arguments import ClusteringTrainingArguments
from ..training.run_arguments import DataArguments, ModelArguments
from .language_models import LanguageModel, LocalModel
from .model_server import Server, check_host
from .saved_names import NameCache


def check_naming(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> None:
    """Raise `InputError` where names are asked for, and no saved model is to get them."""
    args, folder = training_args, Path(model_args.model_name_or_path)
    if data_args.name_with is None:
        if data_args.about is not None or data_args.send_texts:
            raise InputError("--about and --send_texts are for --name_with. Pass it too.")
        return
    if data_args.name_timeout <= 0:
        raise InputError(
            f"--name_timeout: expected seconds above 0, got {data_args.name_timeout:g}."
        )
    if not (args.do_train or args.reports_alone):
        raise InputError(
            "--name_with names the clusters of a model that is saved. Pass --do_train, or "
            "--do_report for a finished run."
        )
    if (
        not (args.do_train or args.edits_clusters)
        and Path(args.output_dir).resolve() != folder.resolve()
    ):
        raise InputError(
            "--name_with and --do_report put names into the model's own folder. Leave --output_dir "
            "out, or copy the folder first."
        )


def find_namer(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> LanguageModel | None:
    """The language model that is to name the clusters, on the main process, if one is.

    Raises:
        InputError: It cannot be asked, or may not; on all processes.
    """
    name, origin = data_args.name_with, model_args.model_name_or_path
    if name is None:
        return None
    namer: LanguageModel | None = None
    failed: list[InputError | None] = [None]
    if training_args.is_main_process:
        hub = (model_args.token, model_args.cache_dir)
        may_send, seconds = data_args.send_texts, data_args.name_timeout
        try:
            NameCache(training_args.output_dir, origin)  # which is not to fail later
            namer = find_model(name, may_send, seconds, *hub, training_args.device)
        except InputError as error:
            failed = [error]
    if training_args.world_size > 1:
        broadcast_object_list(failed)
    if failed[0] is not None:
        raise failed[0]
    return namer


def find_model(
    name: str,
    send_texts: bool = False,
    timeout: float = 120.0,
    token: str | None = None,
    cache_dir: str | None = None,
    device: torch.device | None = None,
) -> LanguageModel:
    """The model of a `--name_with`, of which it is known that it can be asked.

    Args:
        name (`str`): URL of a server, or Hub id or folder of a model.
        send_texts (`bool`, *optional*, defaults to `False`): Texts may go to another machine.
        timeout (`float`, *optional*, defaults to 120): Seconds that a server has for an answer.
        token (`str`, *optional*): For the Hub. `None`: the one that is stored, if any.
        cache_dir (`str`, *optional*): Where models of the Hub are kept.
        device (`torch.device`, *optional*): For a model on this machine.

    Raises:
        InputError: It cannot be asked, or may not.
    """
    if not name.lower().startswith(("http://", "https://")):
        return LocalModel(name, token, cache_dir, device)
    check_host(name, send_texts)
    return Server(name, timeout, token)
