"""From collected scores to the files of an evaluation."""

import json
import pathlib
import warnings
from collections.abc import Callable

from lead_jax.assessment import (
  _evaluation_files as files,
  _evaluation_text as text,
)
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._families import read_families
from lead_jax.assessment._figures import draw_figures
from lead_jax.assessment._leaving_out import leave_each_out
from lead_jax.assessment._method_summary import summarise_methods
from lead_jax.assessment._noise import noise_of
from lead_jax.assessment.plotting import NoMatplotlibError
from lead_jax.system import UnwrittenError, write_together


def check_families(path: str | None) -> None:
  """Reads a file of families to see whether it can be read.

  Raises:
    InputError: If it cannot.
  """
  if path is not None:
    read_families(path, [])


def write_evaluation(
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
  unwritten: Callable[[str], object] = warnings.warn,
) -> str:
  """Computes the statistics, writes all files, and returns the tables.

  A file that cannot be written costs that file: the tables are returned all the same.

  Args:
    found: Scores and accuracies.
    out: Folder to write, which exists.
    baseline: A method of the table.
    repeat: Standard deviation of a fine-tuning run repeated with another seed.
    families: CSV file of families; by architecture and pre-training data where None.
    samples: Resamples of the bootstrap, and random permutations.
    seed: Seed of every random draw.
    figures: Whether to draw them; without matplotlib, the tables say that there are none.
    command: That made this.
    unwritten: Told, in one line each, what could not be written.

  Raises:
    InputError: If a file is wrong.
  """
  table = found.table
  members = None
  if families is not None:
    members = read_families(families, table.models)
  noise = noise_of(table, found.columns, found.images, repeat)
  result = summarise_methods(
    found, baseline=baseline, noise=noise, samples=samples, seed=seed
  )
  stable = leave_each_out(found, members)
  shown = text.as_text(result, found, stable)
  whole = files.as_json(result, found, stable, command)
  content = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
  texts = {
    "evaluation.csv": files.as_csv(result, found),
    "evaluation.txt": shown,
    "evaluation.json": f"{content}\n",
  }
  encoded = {name: text.encode("utf-8", "replace") for name, text in texts.items()}
  try:
    write_together(out, encoded)
    if figures:
      draw_figures(result, found, out, command)
  except UnwrittenError as error:
    unwritten(str(error))
  except NoMatplotlibError as error:
    shown += f"\nNo figures: {error}.\n"
  return shown
