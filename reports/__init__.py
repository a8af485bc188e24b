"""What people see of a run: everything in its `results/`, what a terminal shows, and a finished run
read back.
"""

from .console import describe
from .gather import gather_result
from .interactive import draw_interactive_map
from .page import write_report
from .predictions import write_predictions, write_topic_mix
from .result import ClusteringResult
from .run_folder import RunFolder
from .topics import topic_rows
from .write import describe_for_card, write_preview, write_results


__all__ = [
    "ClusteringResult",
    "RunFolder",
    "describe",
    "describe_for_card",
    "draw_interactive_map",
    "gather_result",
    "topic_rows",
    "write_predictions",
    "write_preview",
    "write_report",
    "write_results",
    "write_topic_mix",
]
