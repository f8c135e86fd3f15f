"""A folder per class, as people keep their photographs.

```
photos/{tulip,rose}/*.jpg        or        photos/{train,test}/{tulip,rose}/*.jpg
```

Every file is read once when the data set is loaded: its content is hashed (the key of
the feature store) and decoded, so that what cannot be used is known, and named, before
any network starts. Decoded pixels stay in memory within a budget; the others are read
again on demand, and checked against their hash so that a file that has changed since is
an error and not a wrong entry in the store.
"""

import hashlib
import os
import pathlib
import stat
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from lead_jax.data.dataset import Dataset, Skipped
from lead_jax.data.images import EXTENSIONS, ImageError, decode_image
from lead_jax.data.parts import check_classes, choose_parts, is_part_name
from lead_jax.errors import InputError

# No photograph is larger; a file is held in memory while it is hashed.
_MAX_FILE_BYTES = 512 << 20

_Key = tuple[int, int]


def load_folder_dataset(
  path: str | os.PathLike,
  split: str = "train",
  *,
  memory_budget: int = 1 << 30,
  threads: int | None = None,
) -> Dataset:
  """Reads a folder of images, one sub-folder a class.

  Hidden files and files that are not images are ignored; images that cannot be decoded
  and class folders without images are left out and named in `skipped`.

  Args:
    path: The folder. Sub-folders `train` and `test` (or val, valid, validation) that hold
      class folders are its parts; a class that happens to be called `train` is not.
    split: `train`, `test` or `all`; see `choose_parts`.
    memory_budget: Bytes of decoded pixels to keep in memory.
    threads: How many files are read at a time; None is one a CPU core.

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
  skipped: list[Skipped] = []
  files: dict[str, list[pathlib.Path]] = {}
  part_folders, split = _part_folders(root, split, source, skipped)
  for folder in part_folders:
    for name, images in _class_images(folder, root, skipped):
      files.setdefault(name, []).extend(images)
  if not files:
    _refuse_without_images(root, source, skipped)

  paths = [image for name in sorted(files) for image in files[name]]
  classes = [name for name in sorted(files) for _ in files[name]]
  reader = _Reader(memory_budget)
  with warnings.catch_warnings():
    # Pillow warns of damaged metadata and large pictures; `skipped` says what matters.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    with ThreadPoolExecutor(threads or cpu_count()) as pool:
      outcomes = list(pool.map(reader.first_read, paths))
  kept = [i for i, outcome in enumerate(outcomes) if outcome.reason is None]
  skipped += [
    Skipped(printable(image), outcome.reason)
    for image, outcome in zip(paths, outcomes, strict=True)
    if outcome.reason is not None
  ]
  if not kept:
    raise InputError(
      f"{source}: none of its {len(paths)} images can be read "
      f"(the first: {skipped[-len(paths)].reason})"
    )
  names = tuple(sorted({classes[i] for i in kept}))
  for name in sorted(set(files) - set(names)):
    skipped.append(Skipped(name, "class folder without a readable image"))
  ids = {name: i for i, name in enumerate(names)}
  labels = np.asarray([ids[classes[i]] for i in kept], np.int32)
  remedy = "add images to its folder or remove the folder"
  check_classes(labels, names, source, "readable images", remedy)
  reader.keep([(paths[i], outcomes[i]) for i in kept])
  digest = hashlib.sha256(b"images\n")
  for i in kept:
    digest.update(outcomes[i].sha256)
  return Dataset(
    name=printable(root.name or root.resolve().name),
    split=split,
    labels=labels,
    class_names=names,
    fingerprint=digest.hexdigest(),
    read_image=reader,
    skipped=tuple(skipped),
  )


def cpu_count() -> int:
  """CPU cores that this process may use, which can be fewer than the machine has."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def printable(path: str | os.PathLike) -> str:
  """The path as text that can be printed, whatever bytes its name is made of."""
  return os.fsencode(path).decode("utf-8", "replace")


class _Outcome:
  """What became of one file at its first reading."""

  __slots__ = ("pixels", "reason", "sha256")

  def __init__(
    self,
    sha256: bytes = b"",
    pixels: np.ndarray | None = None,
    reason: str | None = None,
  ):
    self.sha256 = sha256
    self.pixels = pixels
    self.reason = reason


class _Reader:
  """Reads image i: from memory while the budget lasted, else from its file."""

  def __init__(self, memory_budget: int):
    self._left = memory_budget
    self._lock = threading.Lock()
    self._images: Sequence[tuple[pathlib.Path, _Outcome]] = ()

  def keep(self, images: Sequence[tuple[pathlib.Path, _Outcome]]) -> None:
    self._images = images

  def first_read(self, path: pathlib.Path) -> _Outcome:
    """Hashes and decodes a file; keeps its pixels if the budget allows."""
    try:
      data = _read_file(path)
      pixels = decode_image(data)
    except ImageError as error:
      return _Outcome(reason=str(error))
    pixels.setflags(write=False)
    with self._lock:
      fits = pixels.nbytes <= self._left
      if fits:
        self._left -= pixels.nbytes
    return _Outcome(hashlib.sha256(data).digest(), pixels if fits else None)

  def __call__(self, index: int) -> np.ndarray:
    path, outcome = self._images[index]
    if outcome.pixels is not None:
      return outcome.pixels
    try:
      data = _read_file(path)
      if hashlib.sha256(data).digest() != outcome.sha256:
        raise ImageError("it has changed since it was first read")
      return decode_image(data)
    except ImageError as error:
      raise InputError(
        f"{printable(path)!r} can no longer be used: {error}; start again"
      ) from None


def _read_file(path: pathlib.Path) -> bytes:
  try:
    status = path.stat()
    # Opening a pipe or a device called x.jpg could block for ever.
    if not stat.S_ISREG(status.st_mode):
      raise ImageError("not a regular file")
    if status.st_size > _MAX_FILE_BYTES:
      raise ImageError(f"too large: {status.st_size} bytes")
    return path.read_bytes()
  except OSError as error:
    raise ImageError(f"cannot be opened: {error.strerror}") from None


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
      f"{source} is a file, not a folder: give a folder with one sub-folder a class"
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
  return os.path.splitext(name)[1].lower() in EXTENSIONS


def _part_folders(
  root: pathlib.Path, split: str, source: str, skipped: list[Skipped]
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
    Skipped(printable(root / name), "folder beside the parts of the data set")
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
  part: pathlib.Path, root: pathlib.Path, skipped: list[Skipped]
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
      skipped.append(Skipped(printable(folder), "class folder without images"))


def _walk(
  folder: pathlib.Path, seen: set[_Key], skipped: list[Skipped]
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
      Skipped(printable(folder), f"folder cannot be opened: {error.strerror}")
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
  root: pathlib.Path, source: str, skipped: Sequence[Skipped]
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
