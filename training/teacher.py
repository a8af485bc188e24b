"""What an encoder that knows more says of the training documents; it is asked once, before
training.
"""

import logging
from importlib.util import find_spec

import numpy as np
from accelerate.utils import gather_object
from transformers.utils import cached_file

from ..errors import InputError
from .arguments import ClusteringTrainingArguments


logger = logging.getLogger(__name__)

DESCRIBED_IN = ("modules.json", "config.json")  # files, of which an encoder has one or both


def check_teacher(args: ClusteringTrainingArguments, embeddings: str | None = None) -> None:
    """Raise `InputError` where the teacher that a run names cannot teach it, as far as small files
    tell.

    Args:
        args (`ClusteringTrainingArguments`): May name an encoder.
        embeddings (`str`, *optional*): Name of a file or column with embeddings instead.
    """
    name = args.teacher_model_name_or_path
    if (name or embeddings) and not args.do_train:
        raise InputError("A teacher is for training. Pass --do_train, or leave the teacher out.")
    if name and embeddings:
        raise InputError(
            "Pass one teacher, either --teacher_model_name_or_path or --teacher_embeddings."
        )
    if not name:
        return
    if find_spec("sentence_transformers") is None:
        raise InputError(
            "--teacher_model_name_or_path needs the package sentence-transformers. Install it: "
            "pip install 'sentence-transformers>=5.1'"
        )
    try:
        found = [
            cached_file(name, file, _raise_exceptions_for_missing_entries=False)
            for file in DESCRIBED_IN
        ]
    except OSError as error:
        raise InputError(
            f"--teacher_model_name_or_path: '{name}' cannot be loaded: {error}"
        ) from error
    if not any(found):
        raise InputError(
            f"--teacher_model_name_or_path: expected an encoder, got '{name}', which has none of "
            f"{', '.join(DESCRIBED_IN)}. Name the folder or the Hub id of one."
        )


def ask_teacher(texts: list[str], args: ClusteringTrainingArguments) -> np.ndarray:
    """Embeddings of the texts by the encoder that `args` names, as sentence-transformers makes
    them: with its own pooling, length and prompt. Every process encodes its share and gets all.

    Args:
        texts (`list[str]` of length `num_documents`): The training documents.
        args (`ClusteringTrainingArguments`): Which encoder, on which device, how many at a time.

    Returns:
        `np.ndarray` of shape `(num_documents, teacher_size)`, float32.
    """
    from sentence_transformers import SentenceTransformer  # optional, and slow to import

    name = args.teacher_model_name_or_path
    logger.info("The teacher '%s' reads %d documents.", name, len(texts))
    teacher = SentenceTransformer(name, device=str(args.device))
    share = np.array_split(np.arange(len(texts)), args.world_size)[args.process_index]
    embeddings = teacher.encode(
        [texts[row] for row in share],
        batch_size=args.eval_batch_size,
        show_progress_bar=args.shows_progress,
    )
    return np.concatenate(gather_object([embeddings.astype(np.float32)]))
