"""A folder per class, as people keep their photographs.

```
photos/{tulip,rose}/*.jpg        or        photos/{train,test}/{tulip,rose}/*.jpg
```
"""

import os
import pathlib
import stat
from collections.abc import Iterator, Sequence

import numpy as np

from lead_jax.checks import InputError
from lead_jax.data._dataset import Dataset, SkippedEntry
from lead_jax.data._files import printable, read_files
from lead_jax.data._images import IMAGE_EXTENSIONS
from lead_jax.data._parts import check_classes, choose_parts, is_part_name

_Key = tuple[int, int]


def load_folder_dataset(
  path: str | os.PathLike,
  split: str = "train",
  *,
  memory_budget: int = 1 << 30,
  threads: int | None = None,
) -> Dataset:
  """Reads a folder of images, one sub-folder per class.

  Hidden files and files that are not images are ignored; images that cannot be decoded
  and class folders without images are left out and named in `skipped`.

  Args:
    path: The folder. Sub-folders `train` and `test` (or val, valid, validation) that hold
      class folders are its parts; a class that happens to be called `train` is not.
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
  _check_root(root, source)
  skipped: list[SkippedEntry] = []
  files: dict[str, list[pathlib.Path]] = {}
  part_folders, split = _part_folders(root, split, source, skipped)
  for folder in part_folders:
    for name, images in _class_images(folder, root, skipped):
      files.setdefault(name, []).extend(images)
  if not files:
    _refuse_without_images(root, source, skipped)

  paths = [image for name in sorted(files) for image in files[name]]
  classes = [name for name in sorted(files) for _ in files[name]]
  read = read_files(paths, memory_budget=memory_budget, threads=threads)
  skipped += [
    SkippedEntry(printable(paths[i]), reason) for i, reason in read.reasons.items()
  ]
  if not read.kept:
    raise InputError(
      f"{source}: none of its {len(paths)} images can be read "
      f"(the first: {skipped[-len(paths)].reason})"
    )
  names = tuple(sorted({classes[i] for i in read.kept}))
  for name in sorted(set(files) - set(names)):
    skipped.append(SkippedEntry(name, "class folder without a readable image"))
  ids = {name: i for i, name in enumerate(names)}
  labels = np.asarray([ids[classes[i]] for i in read.kept], np.int32)
  remedy = "add images to its folder or remove the folder"
  check_classes(labels, names, source, "readable images", remedy)
  return Dataset(
    name=printable(root.name or root.resolve().name),
    split=split,
    labels=labels,
    class_names=names,
    fingerprint=read.fingerprint,
    read_image=read.read_image,
    skipped=tuple(skipped),
    names=tuple(printable(paths[i].relative_to(root).as_posix()) for i in read.kept),
  )


def _check_root(root: pathlib.Path, source: str) -> None:
  try:
    is_folder = stat.S_ISDIR(root.stat().st_mode)
    if is_folder:
      os.scandir(root).close()
  except FileNotFoundError:
    raise InputError(f"{source}: there is no such folder") from None
  except OSError as error:
    raise InputError(f"{source} cannot be opened: {error.strerror}") from None
  if not is_folder:
    raise InputError(
      f"{source} is a file, not a folder: give a folder with one sub-folder per class"
      + (", or npz:FILE" if root.suffix == ".npz" else "")
    )


def _entries(folder: pathlib.Path) -> list[os.DirEntry]:
  """What is in a folder, sorted by name, without hidden and archivers' entries."""
  with os.scandir(folder) as found:
    entries = [
      entry
      for entry in found
      if not entry.name.startswith(".") and entry.name != "__MACOSX"
    ]
  return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry) -> bool:
  try:
    return entry.is_dir()
  except OSError:  # A link to itself.
    return False


def _is_image_name(name: str) -> bool:
  return os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS


def _part_folders(
  root: pathlib.Path, split: str, source: str, skipped: list[SkippedEntry]
) -> tuple[list[pathlib.Path], str]:
  """The folders that hold the class folders of the chosen split."""
  parts: list[str] = []
  others: list[str] = []
  for entry in _entries(root):
    if _is_folder(entry):
      is_part = is_part_name(entry.name) and _holds_folders(root / entry.name)
      (parts if is_part else others).append(entry.name)
  chosen, split = choose_parts(parts, split, source)
  if not chosen:
    return [root], split
  skipped += [
    SkippedEntry(printable(root / name), "folder beside the parts of the data set")
    for name in others
  ]
  return [root / name for name in chosen], split


def _holds_folders(folder: pathlib.Path) -> bool:
  """Whether a folder is a part: class folders inside, and no images of its own."""
  try:
    entries = _entries(folder)
  except OSError:
    return False
  folders = [_is_folder(entry) for entry in entries]
  images = [_is_image_name(entry.name) for entry in entries]
  return any(folders) and not any(
    image and not is_folder for image, is_folder in zip(images, folders, strict=True)
  )


def _class_images(
  part: pathlib.Path, root: pathlib.Path, skipped: list[SkippedEntry]
) -> Iterator[tuple[str, list[pathlib.Path]]]:
  """Yields each class of a part and its image files, sorted by path."""
  above = {_identity(root), _identity(part)}
  for entry in _entries(part):
    if not _is_folder(entry):
      continue
    folder = part / entry.name
    images = list(_walk(folder, set(above), skipped))
    if images:
      yield printable(entry.name), images
    else:
      skipped.append(SkippedEntry(printable(folder), "class folder without images"))


def _walk(
  folder: pathlib.Path, seen: set[_Key], skipped: list[SkippedEntry]
) -> Iterator[pathlib.Path]:
  """Yields the images below a folder; a folder met twice (a loop of links) once."""
  try:
    key = _identity(folder)
    if key in seen:
      return
    seen.add(key)
    entries = _entries(folder)
  except OSError as error:
    skipped.append(
      SkippedEntry(printable(folder), f"folder cannot be opened: {error.strerror}")
    )
    return
  for entry in entries:
    if _is_folder(entry):
      yield from _walk(folder / entry.name, seen, skipped)
    elif _is_image_name(entry.name):
      yield folder / entry.name


def _identity(folder: pathlib.Path) -> _Key:
  status = folder.stat()
  return status.st_dev, status.st_ino


def _refuse_without_images(
  root: pathlib.Path, source: str, skipped: Sequence[SkippedEntry]
) -> None:
  if any(_is_image_name(entry.name) for entry in _entries(root)):
    raise InputError(
      f"{source} holds images but no class folders: "
      "put the images of each class into a folder of its own"
    )
  empty = f" ({len(skipped)} folders without any)" if skipped else ""
  raise InputError(
    f"{source} holds no images{empty}: expected CLASS/*.jpg or train/CLASS/*.jpg"
  )
