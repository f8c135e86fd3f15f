"""The files of a digits zoo: weights, index, ground truth.

Every file is written beside its place and moved there whole. The index, which holds the
hash of every weights file, comes last: a run that dies in between leaves an index that
does not match, and such weights are refused when they are loaded. No file holds a time
of day or a duration, so that two runs can be compared byte by byte.
"""

import csv
import hashlib
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import flax
import jax
import numpy as np

from lead_jax.backbones.digits import INDEX_FILE
from lead_jax.checks import InputError
from lead_jax.system import write_bytes
from lead_jax.typing import Params

TRUTH_FILE = "digits_ground_truth.csv"


def weights_file(name: str) -> str:
  """File name of a model's weights, from its short name."""
  return f"{name}.safetensors"


def check_folder(
  folder: pathlib.Path, names: Sequence[str], *, overwrite: bool
) -> None:
  """Raises `InputError` if a file of the run exists and may not be replaced."""
  if folder.exists() and not folder.is_dir():
    raise InputError(f"{folder}: is a file; name a folder with --out")
  files = [INDEX_FILE, TRUTH_FILE, *map(weights_file, names)]
  existing = [file for file in files if (folder / file).exists()]
  if existing and not overwrite:
    raise InputError(
      f"{folder}: already holds {existing[0]}; name another --out or pass --overwrite"
    )


def write_weights(folder: pathlib.Path, name: str, params: Params) -> dict[str, Any]:
  """Writes float32 parameters; returns `file` and `sha256` for the index."""
  import safetensors.numpy

  flat = flax.traverse_util.flatten_dict(jax.tree.map(np.asarray, params), sep="/")
  content = safetensors.numpy.save(flat)
  file = weights_file(name)
  write_bytes(folder / file, content)
  return {"file": file, "sha256": hashlib.sha256(content).hexdigest()}


def write_truth(folder: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> None:
  """Writes the ground-truth table, one row a model."""
  text = io.StringIO()
  writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  write_bytes(folder / TRUTH_FILE, text.getvalue().encode())


def write_index(
  folder: pathlib.Path, models: Mapping[str, Any], made: Mapping[str, Any]
) -> None:
  """Writes `digits.json`: the models, and how they were made."""
  content = json.dumps({"models": models, "made": made}, indent=1) + "\n"
  write_bytes(folder / INDEX_FILE, content.encode())
