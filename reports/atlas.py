"""`results/atlas/`: the texts on their map for [Embedding Atlas](https://apple.github.io/
embedding-atlas), which shows millions where the page shows thousands. It takes places as they are,
and computes none anew.
"""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from .files import replacing
from .result import OUTLIER, OUTLIER_LABEL, ClusteringResult


ATLAS = Path("results") / "atlas"
TEXTS, LABELS = "texts.parquet", "labels.parquet"


def write_atlas(output_dir: Path, result: ClusteringResult) -> None:
    """Write two tables: the usable texts, in input order, with the columns of `clusters.csv`; and
    the names that stand on the map.
    """
    for name, columns in ((TEXTS, text_columns(result)), (LABELS, label_columns(result))):
        with replacing(output_dir / ATLAS / name, "wb") as file:
            pyarrow.parquet.write_table(pyarrow.table(columns), file)


def atlas_command(folder: Path) -> str:
    """The command that opens the tables of a run's folder, as a shell takes it.

    Example:
        >>> atlas_command(Path("my run")).partition(" --text")[0]
        "embedding-atlas 'my run/results/atlas/texts.parquet'"
    """
    texts, labels = (shlex.quote((folder / ATLAS / name).as_posix()) for name in (TEXTS, LABELS))
    return f"embedding-atlas {texts} --text text --x x --y y --labels {labels}"


def text_columns(result: ClusteringResult) -> dict[str, pyarrow.Array]:
    """Ids, clusters, places, texts and kept columns of the usable documents."""
    names = np.array([*result.labels, OUTLIER_LABEL], dtype=object)  # OUTLIER is the last one
    columns: dict[str, Any] = {
        "id": strings(result.ids),
        "cluster": result.assigned,
        "label": strings(names[result.assigned]),
        "probability": result.probabilities,
    }
    for number, level in enumerate(result.levels, start=1):
        inside = np.append(level.inside, OUTLIER)[result.assigned]
        columns |= {
            f"cluster_{number}": inside,
            f"label_{number}": strings(np.array([*level.labels, OUTLIER_LABEL], object)[inside]),
            f"probability_{number}": result.coarser_probabilities[:, number - 1],
        }
    columns |= {"x": result.positions[:, 0], "y": result.positions[:, 1]}
    columns["text"] = strings(result.texts)
    if (known := result.documents.usable_attributes) is not None:
        columns |= {name: strings(values) for name, values in known.columns.items()}
        if known.time_column is not None:
            columns[known.time_column] = pyarrow.array(known.times)
    return columns


def label_columns(result: ClusteringResult) -> dict[str, Any]:
    """Names of the clusters that are not empty, and where they stand; where two are in each other's
    way, the larger cluster's is shown.
    """
    filled = np.flatnonzero(result.sizes)
    names = strings(np.array(result.labels, dtype=object)[filled])
    return {
        "x": result.middles[filled, 0],
        "y": result.middles[filled, 1],
        "text": names,  # as Embedding Atlas documents it
        "content": names,  # as its version 0.26 reads it
        "level": np.zeros(len(filled), dtype=int),
        "priority": result.sizes[filled],
    }


def strings(values: Any) -> pyarrow.Array:
    """Values as strings, however many bytes they take together; `None` stays."""
    written = [None if value is None else str(value) for value in values]
    return pyarrow.array(written, pyarrow.large_string())
