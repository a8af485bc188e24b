"""The parts that the trainer is made of, and the arguments and files of a run."""

from .arguments import ClusteringTrainingArguments
from .batches import ClusteringCollator
from .inference import ClusterPrediction, Inference
from .loading import load_model, load_tokenizer
from .run_arguments import DataArguments, ModelArguments
from .state import ClusteringState


__all__ = [
    "ClusterPrediction",
    "ClusteringCollator",
    "ClusteringState",
    "ClusteringTrainingArguments",
    "DataArguments",
    "Inference",
    "ModelArguments",
    "load_model",
    "load_tokenizer",
]
