"""`bert-clustering`: the command for people. What nobody says it finds out, and `run_clustering`
does the work.
"""

import logging
import re
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer
from fsspec.core import has_magic
from typer.core import TyperGroup

from . import run_clustering
from .assigning import assign
from .errors import InputError
from .publishing import FORMATS, check_export, export_model
from .reports import undo
from .texts.attributes import is_taken
from .texts.columns import find_id_column, find_text_column, find_time_column
from .texts.language import choose_encoder
from .texts.readers import Columns
from .texts.shards import read_shards
from .training.arguments import ClusteringTrainingArguments
from .training.loading import load_model, load_tokenizer
from .training.run_arguments import DataArguments, ModelArguments


class OneWord(TyperGroup):
    """`bert-clustering FILE` stands for `bert-clustering cluster FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_command = bool(args) and args[0] in self.commands
        return super().parse_args(ctx, args if is_command else ["cluster", *args])


# Options of several commands
TextColumn = Annotated[
    str | None,
    typer.Option("--text", "--text_column", help="Column of the texts. Unset: it is found."),
]
IdColumn = Annotated[
    str | None,
    typer.Option("--id", "--id_column", help="Column of ids. Unset: it is found, if any."),
]

MORE_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(cls=OneWord, add_completion=False, rich_markup_mode=None)


@app.command(
    context_settings=MORE_OPTIONS,
    epilog="Of a finished model, `bert-clustering assign --help` sorts any number of texts, "
    "`bert-clustering update --help` finds what is new in texts that come later, `bert-clustering "
    "edit --help` changes the clusters, `bert-clustering export --help` writes it for other "
    "libraries. All options of run_clustering.py may follow, as --max_seq_length 256; "
    "see them with: python -m bert_clustering.run_clustering --help",
)
def cluster(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            help="Texts: .csv .tsv .json .jsonl .parquet .xlsx .txt, gzipped (.gz) or not; or a "
            "folder or a quoted glob of .parquet .jsonl .csv .tsv, also at hf://datasets/."
        ),
    ],
    text: TextColumn = None,
    ids: IdColumn = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time", "--time_column", help="Column of times. Unset: it is found, if any."
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            "--model_name_or_path",
            help="Hub id or folder of an encoder. Unset: a small one, multilingual where the "
            "texts are not in English.",
        ),
    ] = None,
    clusters: Annotated[
        str,
        typer.Option("--clusters", "--num_clusters", help="Number of clusters; `auto` finds it."),
    ] = "auto",
    output: Annotated[
        str | None,
        typer.Option("--output", "--output_dir", help="Folder. Unset: FILE's name, -clusters."),
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Group the texts of a file by meaning: topics with names, a report, and a model that sorts new
    texts.
    """
    try:
        output = output or default_output(file)
        columns = read_head(file, output)
        text = choose_text(columns, file) if text is None else text
        if ids is None and (ids := find_id_column(columns)) is not None:
            typer.echo(f"Ids: column '{ids}'.")
        options = ["--text_column", text, *(("--id_column", ids) if ids else ())]
        free = [name for name in columns if name not in (text, ids) and not is_taken(name)]
        others = {name: columns[name] for name in free}
        if time is None and (time := find_time_column(others)) is not None:
            typer.echo(f"Times: column '{time}'.")
        options += ["--time_column", time] if time else []
        if encoder is None:
            encoder, prefix = choose_encoder(columns.get(text, []))
            typer.echo(f"Encoder: {encoder}.")
            options += ["--text_prefix", prefix] if prefix else []
    except InputError as error:
        raise SystemExit(f"error: {error}") from error
    options += ["--train_file", file, "--model_name_or_path", encoder]
    if clusters != "auto" or not any(part.startswith("--levels") for part in context.args):
        options += ["--num_clusters", clusters]
    options += ["--do_train", "--output_dir", output]
    run_clustering.main([*options, *context.args])
    if opens:
        show(output)


@app.command(
    "edit",
    context_settings=MORE_OPTIONS,
    epilog="Clusters have the numbers of the report (no.), all of them those before the command. "
    "Each option may be there several times.",
)
def edit_clusters(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Folder of a run.")],
    rename: Annotated[list[str] | None, typer.Option(help="Name of a cluster: 3=Refunds.")] = None,
    merge: Annotated[list[str] | None, typer.Option(help="Clusters to make one: 3,7.")] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="Cluster to split: 5, in three: 5:3.")
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="Cluster to take away; its texts go to the next nearest."),
    ] = None,
    move: Annotated[
        list[str] | None, typer.Option(help="Text to put into a cluster: ID:4.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "--output_dir", help="Folder of the edited model. Unset: MODEL."),
    ] = None,
    undoes: Annotated[bool, typer.Option("--undo", help="Take the last edit back.")] = False,
    opens: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Change the clusters of a finished run, without training: its model, its results, its report.

    The edits are kept in `edits.yaml`, and made again after a training with --edits_of MODEL.
    """
    if undoes:
        try:
            undo(model)
        except InputError as error:
            raise SystemExit(f"error: {error}") from error
        return typer.echo(f"'{model}' is as it was before its last edit.")
    given = {"rename": rename, "merge": merge, "split": split, "drop": drop, "move": move}
    if not any(given.values()):
        raise SystemExit("error: There is nothing to change. Pass --rename, --merge, --split, "
                         "--drop, --move or --undo.")  # fmt: skip
    options = ["--model_name_or_path", model, "--do_report", "--output_dir", output or model]
    for name, values in given.items():
        options += [f"--{name}", *values] if values else []
    run_clustering.main([*options, *context.args])
    if opens:
        show(output or model)


@app.command("export")
def write_export(
    model: Annotated[str, typer.Argument(help="Folder of a run, or Hub id of a model.")],
    to: Annotated[str, typer.Option("--to", help=f"One of {', '.join(FORMATS)}.")],
    output: Annotated[
        str | None, typer.Option("--output", help="Folder. Unset: MODEL's name, - and the format.")
    ] = None,
) -> None:
    """Write a model in a format that needs neither this package nor remote code."""
    folder = Path(output or f"{Path(model).absolute().name}-{to}")
    args = ModelArguments(model), DataArguments(), ClusteringTrainingArguments(use_cpu=True)
    try:
        check_export(to, folder)
        tokenizer = load_tokenizer(*args)
        export_model(load_model(args[0], args[2]), tokenizer, to, folder)
    except InputError as error:
        raise SystemExit(f"error: {error}") from error
    typer.echo(f"Exported to '{folder}'. How to use it: {folder / 'README.md'}")


@app.command("update", context_settings=MORE_OPTIONS)
def update_model(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Folder of a run.")],
    file: Annotated[str, typer.Argument(help="New texts, as those of the run.")],
    to: Annotated[str, typer.Option("--to", help="Folder of the updated run.")],
    text: TextColumn = None,
    ids: IdColumn = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="Proposed topics to make clusters of the model: 201,202."),
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Sort new texts into the clusters of a finished run, and see what changes: topics that are
    new, that grow, fade or drift.

    Clusters keep their numbers and names. The same command with --accept trains the model on old
    and new texts together, with the topics that it names.
    """
    try:
        columns = read_head(file, to)
        text = choose_text(columns, file) if text is None else text
        ids = find_id_column(columns) if ids is None else ids
    except InputError as error:
        raise SystemExit(f"error: {error}") from error
    options = ["--model_name_or_path", model, "--update_file", file, "--output_dir", to]
    options += ["--text_column", text, *(("--id_column", ids) if ids else ())]
    options += ["--do_train", "--accept", *accept] if accept else ["--do_report"]
    run_clustering.main([*options, *context.args])
    if opens:
        show(to)


def show(folder: str) -> None:
    """Open a run's report in a browser."""
    webbrowser.open(Path(folder, "results", "report.html").absolute().as_uri())


@app.command("assign")
def assign_shards(
    model: Annotated[str, typer.Argument(help="Folder or Hub id of a trained model.")],
    source: Annotated[
        str,
        typer.Argument(
            help="Texts: a file, a folder or a quoted glob of .parquet .jsonl .csv .tsv, on a disk "
            "or at hf://datasets/."
        ),
    ],
    to: Annotated[
        str, typer.Option("--to", help="Folder of the results; the same command goes on in it.")
    ],
    text: TextColumn = None,
    ids: IdColumn = None,
    keep_columns: Annotated[
        list[str] | None, typer.Option("--keep_columns", help="Columns to pass on: once for each.")
    ] = None,
    top: Annotated[int, typer.Option("--top", help="Also the so many most probable clusters.")] = 0,
    outlier_threshold: Annotated[
        float | None,
        typer.Option("--outlier_threshold", help="Cluster -1 beyond it; try 3. Unset: none."),
    ] = None,
    max_seq_length: Annotated[
        int | None,
        typer.Option("--max_seq_length", help="Tokens read of a text. Unset: the model's."),
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip_bad_rows", help="Leave rows without a text without a cluster.")
    ] = False,
    bad_shards: Annotated[
        str, typer.Option("--bad_shards", help="At a bad shard: stop, or skip it.")
    ] = "stop",
) -> None:
    """Sort any number of texts into the clusters of a finished model, a Parquet file per shard.

    With a launcher, each process takes its share of the shards. A run that was ended goes on.
    """
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("bert_clustering").setLevel(logging.INFO)
    try:
        lines = assign(
            model,
            source,
            to,
            text_column=text,
            id_column=ids,
            keep_columns=keep_columns or [],
            top=top,
            outlier_threshold=outlier_threshold,
            max_seq_length=max_seq_length,
            skip_bad_rows=skip_bad_rows,
            bad_shards=bad_shards,
        )
    except InputError as error:
        raise SystemExit(f"error: {error}") from error
    typer.echo("\n".join(lines))


def read_head(source: str, output: str) -> Columns:
    """The first rows of the first table that has any."""
    if source.startswith("-"):
        raise InputError(f"Expected the file of the texts first, got '{source}'. Put it before.")
    heads = read_shards(source, output)
    return next((head for head in heads if any(head.values())), {})


def choose_text(columns: Columns, file: str) -> str:
    """The column of the texts, which a person is told."""
    text, reason = find_text_column(columns, file)
    typer.echo(f"Texts: column '{text}' ({reason}).")
    return text


def default_output(source: str) -> str:
    """Folder of the results of a source, beside where the command is called: named after a file, or
    the folder that files lie in.

    Example:
        >>> default_output("data/messages.csv.gz"), default_output("data/**/*.csv")
        ('messages-clusters', 'data-clusters')
    """
    fixed = re.split(r"[*?[]", source)[0] + "x" if has_magic(source) else source
    path = Path(fixed).absolute()
    name = path.parent.name if has_magic(source) else path.name
    return re.sub(r"(\.\w+)(\.gz)?$", "", name, flags=re.IGNORECASE) + "-clusters"


if __name__ == "__main__":
    app()
