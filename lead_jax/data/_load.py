"""From what a user types to a data set: `digits`, `tfds:...`, a folder and so on.

An installed distribution offers more kinds under the entry-point group
`lead_jax.datasets`: functions of `(argument, split)` that return a `Dataset`.
"""

import dataclasses
import difflib
import os
import pathlib

from lead_jax.checks import InputError
from lead_jax.data._aircraft import load_aircraft_dataset
from lead_jax.data._bundled import load_digits_dataset
from lead_jax.data._copies import pixels_of
from lead_jax.data._dataset import Dataset
from lead_jax.data._folder import load_folder_dataset
from lead_jax.data._npz import load_npz_dataset
from lead_jax.data._parts import check_split
from lead_jax.data._tfds import load_tfds_dataset
from lead_jax.system import call_plugin, plugins, user_path

PLUGINS = "lead_jax.datasets"

_POSSIBLE = (
  "a folder with one sub-folder per class, digits, tfds:NAME, npz:FILE or "
  "aircraft:FOLDER"
)


def load_dataset(
  spec: str | os.PathLike,
  *,
  split: str = "train",
  memory_budget: int = 1 << 30,
  threads: int | None = None,
  data_dir: str | os.PathLike | None = None,
  download: bool = False,
) -> Dataset:
  """Loads a data set by its spec.

  Args:
    spec: `digits` (bundled; write `./digits` for a folder of that name),
      `tfds:NAME[/config][:version]`, `npz:FILE`, `aircraft:FOLDER`, the path of a folder
      with one sub-folder per class, or `NAME:ARGUMENT` (or a bare `NAME` that is no folder)
      of a plug-in.
    split: `train`, `test` or `all`. A source that is not divided has everything in
      `train`, and its data set records `all`.
    memory_budget: Bytes of pixels (folder) or encoded images (tfds) kept in memory.
    threads: How many images are read at a time; None is one per CPU core.
    data_dir: Where tfds finds prepared data sets; None is its own choice. A relative
      `aircraft:FOLDER` that is not in the working directory is looked for there.
    download: Whether tfds may download what is not prepared.

  Returns:
    The data set: at least two classes, each with at least two samples.

  Raises:
    InputError: In one line, for anything about the spec or what it names that the user
      can put right.
  """
  text = os.fspath(spec)
  check_split(split, text)
  if text == "digits":
    return load_digits_dataset(split)  # type: ignore[arg-type]
  kind, colon, rest = text.partition(":")
  if colon and kind == "tfds":
    return load_tfds_dataset(
      rest,
      split,
      data_dir=data_dir,
      download=download,
      memory_budget=memory_budget,
      threads=threads,
    )
  if colon and kind == "npz":
    return load_npz_dataset(user_path(rest), split)
  if colon and kind == "aircraft":
    folder = user_path(rest)
    if data_dir is not None and not os.path.exists(folder):
      folder = user_path(data_dir) / folder
    return load_aircraft_dataset(
      folder, split, memory_budget=memory_budget, threads=threads
    )
  path = user_path(text)
  if not text or not os.path.lexists(path):
    offered = plugins(PLUGINS)
    if kind in offered:
      found = call_plugin(PLUGINS, kind, rest, split, returns=Dataset)
      return dataclasses.replace(found, pixels=pixels_of(found))
    _refuse_unknown(text, path, list(offered))
  return load_folder_dataset(path, split, memory_budget=memory_budget, threads=threads)


def _refuse_unknown(text: str, path: pathlib.Path, offered: list[str]) -> None:
  """Says what is possible, and what comes nearest: a kind, or a folder beside it."""
  kind, colon, rest = text.partition(":")
  near = []
  if colon:
    known = ("tfds", "npz", "aircraft", *offered)
    kinds = difflib.get_close_matches(kind.lower(), known)
    near = [f"{found}:{rest}" for found in kinds]
  else:
    near = difflib.get_close_matches(text.lower(), ("digits", *offered))
    try:
      beside = sorted(item.name for item in path.parent.iterdir() if item.is_dir())
    except OSError:
      beside = []
    matches = difflib.get_close_matches(path.name, beside)
    near += [os.fspath(path.parent / found) for found in matches]
  hint = f"; nearest: {', '.join(near)}" if near else ""
  more = f", or of a plug-in: {', '.join(offered)}" if offered else ""
  raise InputError(
    f"no data set {text!r}: it is not a folder here, and can be {_POSSIBLE}{more}{hint}"
  )
