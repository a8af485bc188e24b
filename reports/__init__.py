"""What people see of a run: everything in its `results/`, what a terminal shows, and a finished run
read back.
"""

from .console import describe
from .gather import gather_result
from .predictions import write_predictions, write_topic_mix
from .result import ClusteringResult
from .run_folder import RunFolder
from .write import describe_for_card, write_preview, write_results


__all__ = [
    "ClusteringResult",
    "RunFolder",
    "describe",
    "describe_for_card",
    "gather_result",
    "write_predictions",
    "write_preview",
    "write_results",
    "write_topic_mix",
]
