"""FGVC-Aircraft as it is published: `aircraft:FOLDER`, variants as classes.

```
fgvc-aircraft-2013b/data/images/0034309.jpg
fgvc-aircraft-2013b/data/images_variant_{train,val,test}.txt    0034309 Boeing 707-320
```

The last 20 rows of every image are a banner with the photographer's name, which its
README asks to remove before training. It stays here, since it stays in the code that the
papers' results come from (`datasets/aircraft.py` as in mgholamikn/ETran; PED publishes
its own only compiled): images go to the network as they are in the archive.

References:
  Maji et al., `Fine-Grained Visual Classification of Aircraft
  <https://arxiv.org/abs/1306.5151>`_, 2013.
"""

import os
import pathlib
import re

import numpy as np

from lead_jax.checks import InputError, parameter
from lead_jax.data._dataset import Dataset, SkippedEntry
from lead_jax.data._files import read_files
from lead_jax.data._papers import PAPER_DATASETS
from lead_jax.data._parts import check_classes, choose_parts, part_note
from lead_jax.data._tree import printable
from lead_jax.readers import read_text

_PARTS = ("train", "val", "test")
_LINE = re.compile(r"(\w+) (.*\S)\s*")
_PAPER = PAPER_DATASETS["Aircraft"]


def load_aircraft_dataset(
  path: str | os.PathLike,
  split: str = "train",
  *,
  memory_budget: int = 1 << 30,
  threads: int | None = None,
) -> Dataset:
  """Reads the published folder.

  Args:
    path: The folder `fgvc-aircraft-2013b`, its `data`, or the folder that holds it.
    split: `train`, `test` or `all` (with `val`).
    memory_budget: Bytes of decoded pixels to keep in memory.
    threads: How many files are read at a time; None is one per CPU core.

  Returns:
    Images in the order of the lists, classes sorted by name.

  Raises:
    InputError: If the folder is not that one, a list is damaged, or no image can be read.
  """
  source = f"aircraft:{printable(path)}"
  data = _data_folder(pathlib.Path(path), source)
  lists = {part: data / f"images_variant_{part}.txt" for part in _PARTS}
  parts = [part for part, file in lists.items() if file.is_file()]
  chosen, split = choose_parts(parts, split, source)
  rows = [row for part in chosen for row in _read_list(lists[part], source)]
  paths = [data / "images" / f"{image}.jpg" for image, _ in rows]
  read = read_files(paths, memory_budget=memory_budget, threads=threads)
  if not read.kept:
    reason = next(iter(read.reasons.values()), "the lists are empty")
    raise InputError(
      f"{source}: none of its {len(paths)} images can be read (the first: {reason})"
    )
  names = tuple(sorted({rows[i][1] for i in read.kept}))
  ids = {name: i for i, name in enumerate(names)}
  labels = np.asarray([ids[rows[i][1]] for i in read.kept], np.int32)
  remedy = f"choose another {parameter('split')}"
  check_classes(labels, names, source, "readable images", remedy)
  return Dataset(
    name="aircraft",
    split=split,
    labels=labels,
    class_names=names,
    fingerprint=read.fingerprint,
    read_image=read.read_image,
    skipped=tuple(
      SkippedEntry(printable(paths[i]), reason) for i, reason in read.reasons.items()
    ),
    names=tuple(f"images/{paths[i].name}" for i in read.kept),
    notes=(part_note(chosen, parts), *read.notes),
    warnings=read.warnings,
    pixels=read.pixels,
  )


def _data_folder(root: pathlib.Path, source: str) -> pathlib.Path:
  """The folder that holds the lists."""
  for inside in ("", "data", f"{_PAPER.archives[0].name.partition('.')[0]}/data"):
    folder = root / inside
    if any((folder / f"images_variant_{part}.txt").is_file() for part in _PARTS):
      return folder
  raise InputError(
    f"{source} is not the published folder (no data/images_variant_test.txt in it): "
    f"unpack {_PAPER.archives[0].url} ({_PAPER.download_bytes / 1e9:.2f} GB) and give "
    "the folder that comes of it"
  )


def _read_list(file: pathlib.Path, source: str) -> list[tuple[str, str]]:
  """Pairs of an image's number and its variant."""
  try:
    lines = read_text(file).splitlines()
  except InputError as error:
    raise InputError(f"{source}: {error}") from None
  rows = []
  for number, line in enumerate(lines, 1):
    match = _LINE.fullmatch(line)
    if match is None:
      raise InputError(
        f"{source}: {file.name}, line {number}: expected a number and a variant, such "
        f"as '0034309 707-320', got {line[:60]!r}"
      )
    rows.append((match[1], match[2]))
  return rows
