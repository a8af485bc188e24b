"""What a run found, on the Hub: its results as a private dataset, its report as a private static
Space.

Both hold users' texts. Whoever wants them there asks for it, and only people who may see the
repositories see them.
"""

import shlex
from pathlib import Path
from typing import Any

from huggingface_hub import (
    CommitOperationAdd,
    DatasetCardData,
    HfApi,
    RepoCard,
    SpaceCardData,
    get_token,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HFValidationError,
    HTTPError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from ..errors import InputError


MARK = "bert-clustering"  # a tag of the repositories that are ours to write to
TABLES = ("clusters", "predictions", "segments", "predicted_segments")
KINDS = ("dataset", "space")


def check_results_repos(repo_id: str, token: str | None = None) -> None:
    """See, before long work, that results can go to the Hub.

    Args:
        repo_id (`str`): As `user/name`, of the dataset and of the Space.
        token (`str`, *optional*): For the Hub. `None`: the one that is stored.

    Raises:
        InputError: The id is malformed, there is no token, the Hub refuses it, or there is such a
            repository that is public or not ours.
        OSError: This process may not reach it (HF_HUB_OFFLINE).
    """
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise InputError(f"--push_results: expected user/name. {error}") from None
    if "/" not in repo_id:
        raise InputError(f"--push_results: expected user/name, got '{repo_id}'.")
    if not (token or get_token()):
        raise InputError(
            "--push_results needs a token of the Hub that may write. Run `hf auth login`, set "
            "HF_TOKEN or pass --hub_token."
        )
    api = HfApi(token=token)
    try:
        known = api.whoami()
        for kind in KINDS:
            _check_ours(api, repo_id, kind)
    except HTTPError as error:
        raise InputError(
            f"--push_results: the Hub refuses '{repo_id}': {str(error).splitlines()[-1]} Is the "
            "token right (HF_TOKEN or --hub_token)?"
        ) from error
    names = [known["name"], *(organisation["name"] for organisation in known.get("orgs", []))]
    if repo_id.split("/")[0] not in names:
        raise InputError(
            f"--push_results: the token may not write to '{repo_id}'. It may to those of "
            f"{', '.join(names)}."
        )


def _check_ours(api: HfApi, repo_id: str, kind: str) -> None:
    """Raise `InputError` where there is such a repository and it is public, or without our mark."""
    try:
        info = api.repo_info(repo_id, repo_type=kind)
    except RepositoryNotFoundError:
        return
    try:
        card = Path(api.hf_hub_download(repo_id, "README.md", repo_type=kind))
        tags = RepoCard(card.read_text(encoding="utf-8")).data.get("tags")
    except EntryNotFoundError:
        tags = None
    if MARK not in (tags or []):
        raise InputError(
            f"--push_results: there is a {kind} '{repo_id}' that is not of BERT-Clustering (its "
            f"card has no tag '{MARK}'). Nothing was written. Pass another name."
        )
    if not info.private:
        raise InputError(
            f"--push_results: the {kind} '{repo_id}' is public, and results hold your texts. Make "
            "it private in its settings, or pass another name."
        )


def push_results(repo_id: str, output_dir: str | Path, token: str | None = None) -> list[str]:
    """Upload a run's `results/`, and its report as a page; each in one commit, with its card.

    Args:
        repo_id, token: As in `check_results_repos`.
        output_dir (`str` or `Path`): The run's folder.

    Returns:
        `list[str]`: Addresses of the dataset and, where there is a report, of the Space.

    Raises:
        SystemExit: It failed; the message says how to do it again.
    """
    results, name = Path(output_dir, "results"), repo_id.split("/")[-1]
    files = {path.relative_to(results).as_posix(): path for path in results.rglob("*")}
    files = {place: path for place, path in sorted(files.items()) if path.is_file()}
    tables = [table for table in TABLES if f"{table}.csv" in files]
    configs = [{"config_name": table, "data_files": f"{table}.csv"} for table in tables]
    data = DatasetCardData(pretty_name=name, tags=[MARK], configs=configs or None)
    space = SpaceCardData(title=name, sdk="static", app_file="index.html", tags=[MARK])
    api = HfApi(token=token)
    try:
        check_results_repos(repo_id, token)  # it may have come to be since the run began
        urls = [_upload(api, repo_id, "dataset", data, files)]
        if "report.html" in files:
            page = {"index.html": files["report.html"]}
            urls.append(_upload(api, repo_id, "space", space, page, space_sdk="static"))
    except (InputError, HTTPError, OSError) as error:
        raise SystemExit(
            f"error: The results are whole in '{results}', but they could not all be pushed to "
            f"'{repo_id}': {error}\nTo push them later, run:\npython run_clustering.py --do_report "
            f"--model_name_or_path {shlex.quote(str(output_dir))} --push_results {repo_id}"
        ) from error
    return urls


def _upload(
    api: HfApi, repo_id: str, kind: str, data: Any, files: dict[str, Path], **kwargs: Any
) -> str:
    """Commit files and a card to a private repository, new or ours; its address."""
    url = api.create_repo(repo_id, repo_type=kind, private=True, exist_ok=True, **kwargs)
    text = f"# {data.get('title') or data.get('pretty_name')}\n\nMade by BERT-Clustering.\n"
    card = f"---\n{data.to_yaml()}\n---\n\n{text}"
    api.create_commit(
        repo_id,
        [
            CommitOperationAdd("README.md", card.encode()),
            *(CommitOperationAdd(place, path) for place, path in files.items()),
        ],
        commit_message="Results of BERT-Clustering",
        repo_type=kind,
    )
    return str(url)
