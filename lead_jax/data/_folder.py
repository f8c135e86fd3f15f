"""A folder per class, as people keep their photographs.

```
photos/{tulip,rose}/*.jpg        or        photos/{train,test}/{tulip,rose}/*.jpg
```

Which folders are classes and which are parts is decided in `_layout`, which files are
images by their content.
"""

import collections
import os
import pathlib
import stat
from collections.abc import Sequence

import numpy as np

from lead_jax.checks import InputError, visible
from lead_jax.data._dataset import Dataset, SkippedEntry
from lead_jax.data._files import NO_IMAGE, ReadFiles, read_files
from lead_jax.data._formats import extension
from lead_jax.data._layout import BESIDE, Layout, find_layout
from lead_jax.data._parts import check_classes
from lead_jax.data._tree import Folder, looks_like_image, printable, read_tree

# Kinds of files that are named in one clause.
_MOST_KINDS = 6


def load_folder_dataset(
  path: str | os.PathLike,
  split: str = "train",
  *,
  memory_budget: int = 1 << 30,
  threads: int | None = None,
) -> Dataset:
  """Reads a folder of images, one sub-folder per class.

  Every file below the folder is a sample, or in `skipped` (of a class, and no image that
  can be used), or in `left_out` (of no class of the chosen part, or hidden).

  Args:
    path: The folder. Which of its sub-folders are classes, parts or wrappers is decided by
      the rule in `_layout.py` (also in docs/folders.md); `notes` say what was decided.
    split: `train`, `test` or `all`; see `choose_parts`.
    memory_budget: Bytes of decoded pixels to keep in memory.
    threads: How many files are read at a time; None is one per CPU core.

  Returns:
    Classes sorted by name, and the images of a class by part and path. Only classes with
    images in the chosen part count, so ids of two parts agree where `class_names` do.

  Raises:
    InputError: If the folder is missing, is a file, has no such part, no images, one
      class, or a class with one image.
  """
  root = pathlib.Path(path)
  source = repr(printable(root))
  tree = _open(root, source)
  layout = find_layout(tree, split, source)
  files = layout.classes
  if not files:
    _refuse_without_classes(tree, source, layout)
  paths = [file for name in sorted(files) for file in files[name]]
  classes = [name for name in sorted(files) for _ in files[name]]
  read = read_files(paths, memory_budget=memory_budget, threads=threads)
  skipped = [
    SkippedEntry(printable(paths[i]), reason, stray=reason == NO_IMAGE)
    for i, reason in read.reasons.items()
  ]
  if not read.kept:
    _refuse_without_images(source, skipped)
  names = tuple(sorted({classes[i] for i in read.kept}))
  without = sorted(set(files) - set(names))
  remarks = [
    *layout.remarks,
    *(SkippedEntry(one, "class folder without a readable image", 0) for one in without),
  ]
  ids = {name: i for i, name in enumerate(names)}
  labels = np.asarray([ids[classes[i]] for i in read.kept], np.int32)
  remedy = "add images to its folder or remove the folder"
  check_classes(labels, names, source, "readable images", remedy)
  return Dataset(
    name=printable(root.name or root.resolve().name),
    split=layout.split,
    labels=labels,
    class_names=names,
    fingerprint=read.fingerprint,
    read_image=read.read_image,
    skipped=(*skipped, *remarks),
    names=tuple(printable(paths[i].relative_to(root).as_posix()) for i in read.kept),
    left_out=tuple(layout.left_out),
    notes=_notes(layout, read, paths, without),
    warnings=read.warnings,
    pixels=read.pixels,
  )


def count_folder_images(path: str | os.PathLike, split: str) -> int:
  """Counts the images of a part by their beginnings, without decoding them.

  Args:
    path: As `load_folder_dataset` takes it.
    split: `train`, `test` or `all`.

  Returns:
    The number; 0 where there is no such folder or part.
  """
  root = pathlib.Path(path)
  try:
    layout = find_layout(read_tree(root), split, repr(printable(root)))
  except (OSError, InputError):
    return 0
  return sum(looks_like_image(file) for one in layout.classes.values() for file in one)


def _open(root: pathlib.Path, source: str) -> Folder:
  """Lists the folder, or says why it is none."""
  try:
    if stat.S_ISDIR(root.stat().st_mode):
      return read_tree(root)
  except FileNotFoundError:
    raise InputError(f"{source}: there is no such folder") from None
  except OSError as error:
    raise InputError(f"{source} cannot be opened: {error.strerror}") from None
  raise InputError(
    f"{source} is a file, not a folder: give a folder with one sub-folder per class"
    + (", or npz:FILE" if root.suffix == ".npz" else "")
  )


def _notes(
  layout: Layout,
  read: ReadFiles,
  paths: Sequence[pathlib.Path],
  without: Sequence[str],
) -> tuple[str, ...]:
  """What was decided, in clauses; `without` are classes that have no readable image."""
  beside = sum(e.files for e in layout.left_out if e.reason == BESIDE)
  notes = [layout.note] if layout.note else []
  if beside:
    verb = "is" if beside == 1 else "are"
    notes.append(f"{_files(beside)} beside the class folders {verb} left out")
  strangers = [paths[i] for i, reason in read.reasons.items() if reason == NO_IMAGE]
  if strangers:
    verb = "is no image" if len(strangers) == 1 else "are no images"
    notes.append(f"{_files(len(strangers))} {verb}: {_kinds(strangers)}")
  if without:
    notes.append(f"without a readable image, and no class: {', '.join(without)}")
  return tuple(visible(note) for note in (*notes, *read.notes))


def _files(count: int) -> str:
  return "1 file" if count == 1 else f"{count} files"


def _kinds(paths: Sequence[pathlib.Path]) -> str:
  """Files by the ends of their names: `30 .txt, 6 .xml`."""
  counts = collections.Counter(extension(path) or "without extension" for path in paths)
  kinds = [f"{count} {printable(end)}" for end, count in counts.most_common()]
  more = (
    f" and {len(kinds) - _MOST_KINDS} more kinds" if len(kinds) > _MOST_KINDS else ""
  )
  return ", ".join(kinds[:_MOST_KINDS]) + more


def _refuse_without_classes(tree: Folder, source: str, layout: Layout) -> None:
  if tree.images_here:
    raise InputError(
      f"{source} holds images but no class folders: "
      "put the images of each class into a folder of its own"
    )
  empty = f" ({len(layout.remarks)} folders without any)" if layout.remarks else ""
  raise InputError(
    f"{source} holds no images{empty}: expected CLASS/*.jpg or train/CLASS/*.jpg"
  )


def _refuse_without_images(source: str, skipped: Sequence[SkippedEntry]) -> None:
  kinds = _kinds([pathlib.Path(one.path) for one in skipped])
  first = next((one.reason for one in skipped if not one.stray), "")
  if not first:
    raise InputError(
      f"{source} holds no images: its class folders have {kinds}; expected CLASS/*.jpg or "
      "train/CLASS/*.jpg"
    )
  raise InputError(
    f"{source}: none of its {len(skipped)} files can be read as an image ({kinds}); the "
    f"first: {first}"
  )
