"""From collected scores to the files of an evaluation."""

import json
import pathlib

from experiments.evaluation import (
  families as families_room,
  files,
  stability,
  summary,
  text,
)
from experiments.evaluation.collect import Collected
from experiments.evaluation.noise import noise_of
from lead_jax.system import write_text


def check_families(path: str | None) -> None:
  """Reads a file of families to see whether it can be read.

  Raises:
    InputError: If it cannot.
  """
  if path is not None:
    families_room.read_families(path, [])


def write(
  found: Collected,
  out: pathlib.Path,
  *,
  baseline: str,
  repeat: float | None = None,
  families: str | None = None,
  samples: int = 2000,
  seed: int = 0,
  figures: bool = True,
  command: str = "",
) -> str:
  """Computes the statistics, writes all files, and returns the tables.

  Args:
    found: Scores and accuracies.
    out: Folder to write, which exists.
    baseline: A method of the table.
    repeat: See `noise.noise_of`.
    families: CSV file of families; by architecture and pre-training data where None.
    samples: Resamples of the bootstrap, and random permutations.
    seed: Of everything random.
    figures: Whether to draw them.
    command: That made this.

  Raises:
    InputError: If a file is wrong or cannot be written.
  """
  table = found.table
  members = None
  if families is not None:
    members = families_room.read_families(families, table.models)
  noise = noise_of(table, found.columns, found.images, repeat)
  result = summary.summarise(
    found, baseline=baseline, noise=noise, samples=samples, seed=seed
  )
  stable = stability.stability(found, members)
  shown = text.as_text(result, found, stable)
  whole = files.as_json(result, found, stable, command)
  write_text(out / "evaluation.csv", files.as_csv(result, found))
  content = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
  write_text(out / "evaluation.json", content + "\n")
  write_text(out / "evaluation.txt", shown)
  if figures:
    from experiments.evaluation.figures import draw

    draw(result, found, out, command)
  return shown
