"""What the Hub gets: whole repositories, by one list of files, with a card that names no path of
this machine.
"""

from .card import NUM_CLUSTERS, describe_num_clusters, hub_id, rename_in_card
from .export import FORMATS, check_export, export_model
from .metadata import license_of
from .push import HubMixin, hub_files, publish
from .results import check_results_repos, push_results


__all__ = [
    "FORMATS",
    "NUM_CLUSTERS",
    "HubMixin",
    "check_export",
    "check_results_repos",
    "describe_num_clusters",
    "export_model",
    "hub_files",
    "license_of",
    "hub_id",
    "publish",
    "push_results",
    "rename_in_card",
]
