"""`bert-clustering`: the command for people. What nobody says it finds out, and `run_clustering`
does the work.
"""

import re
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from . import run_clustering
from .errors import InputError
from .texts.attributes import is_taken
from .texts.columns import find_id_column, find_text_column, find_time_column
from .texts.language import choose_encoder
from .texts.readers import Columns
from .texts.tables import read_batches


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="All options of run_clustering.py may follow, as --max_seq_length 256; see them with: "
    "python -m bert_clustering.run_clustering --help",
)
def cluster(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            help="Texts: .csv .tsv .json .jsonl .parquet .xlsx .txt, gzipped (.gz) or not."
        ),
    ],
    text: Annotated[
        str | None,
        typer.Option("--text", "--text_column", help="Column of the texts. Unset: it is found."),
    ] = None,
    ids: Annotated[
        str | None,
        typer.Option("--id", "--id_column", help="Column of ids. Unset: it is found, if any."),
    ] = None,
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
        columns = read_head(file)
        if text is None:
            text, reason = find_text_column(columns, file)
            typer.echo(f"Texts: column '{text}' ({reason}).")
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
    output = output or default_output(file)
    options += ["--train_file", file, "--model_name_or_path", encoder]
    if clusters != "auto" or not any(part.startswith("--levels") for part in context.args):
        options += ["--num_clusters", clusters]
    options += ["--do_train", "--output_dir", output]
    run_clustering.main([*options, *context.args])
    if opens:
        webbrowser.open(Path(output, "results", "report.html").absolute().as_uri())


def read_head(file: str) -> Columns:
    """The first rows of a table."""
    if file.startswith("-"):
        raise InputError(f"Expected the file of the texts first, got '{file}'. Put it before.")
    return next(read_batches(file), {})


def default_output(file: str) -> str:
    """Folder of the results of a file, beside where the command is called.

    Example:
        >>> default_output("data/messages.csv.gz")
        'messages-clusters'
    """
    return re.sub(r"(\.\w+)(\.gz)?$", "", Path(file).name, flags=re.IGNORECASE) + "-clusters"


if __name__ == "__main__":
    app()
