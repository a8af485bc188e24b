"""What people see of a run: everything in its `results/`, what a terminal shows, and a finished run
read back.
"""

from .before_edit import end_unfinished, keep_before, undo
from .changes import Changes, read_changes
from .check_update import check_update
from .compared import compare
from .console import describe
from .edit_log import EditLog
from .edited import edit, edit_again
from .gather import gather_result
from .interactive import draw_interactive_map
from .language_models import LanguageModel
from .mix import share_out
from .namer import check_naming, find_namer
from .naming import name_by_model
from .page import write_report
from .predictions import write_predictions, write_topic_mix
from .result import ClusteringResult
from .run_folder import RunFolder
from .saved_names import NameCache, named_by_people, rename_saved
from .topics import topic_rows
from .updated import Update
from .write import describe_for_card, write_preview, write_results


__all__ = [
    "Changes",
    "ClusteringResult",
    "EditLog",
    "LanguageModel",
    "NameCache",
    "RunFolder",
    "Update",
    "check_naming",
    "check_update",
    "compare",
    "describe",
    "describe_for_card",
    "draw_interactive_map",
    "edit",
    "edit_again",
    "end_unfinished",
    "find_namer",
    "gather_result",
    "keep_before",
    "name_by_model",
    "named_by_people",
    "read_changes",
    "rename_saved",
    "share_out",
    "topic_rows",
    "undo",
    "write_predictions",
    "write_preview",
    "write_report",
    "write_results",
    "write_topic_mix",
]
