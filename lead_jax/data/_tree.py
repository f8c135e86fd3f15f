"""What lies below a folder: every file once, hidden ones counted, links that loop cut."""

import dataclasses
import functools
import os
import pathlib
import unicodedata
from collections.abc import Iterator

from lead_jax.data._formats import (
  HEAD_BYTES,
  IMAGE_EXTENSIONS,
  TAIL_BYTES,
  extension,
  formats_of,
)

# Beside names that begin with a dot: what archivers and systems leave in folders.
_CLUTTER = frozenset(
  ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "__pycache__")
  + ("$recycle.bin", "system volume information", "lost+found")
)
# Folders in folders, and links to folders in linked folders.
_MOST_DEEP, _MOST_LINKS = 64, 3


@dataclasses.dataclass(eq=False)
class Folder:
  """A folder and what is in it, sorted by name.

  Attributes:
    path: Where it lies.
    name: As it is shown: in Unicode's composed form (NFC), one spelling for one name.
    files: Everything that is no folder, hidden files apart.
    folders: Likewise.
    hidden: Hidden files, and files in hidden folders, that lie here.
    problem: Why its content is not known; "" where it is.
  """

  path: pathlib.Path
  name: str
  files: list[pathlib.Path] = dataclasses.field(default_factory=list)
  folders: list["Folder"] = dataclasses.field(default_factory=list)
  hidden: int = 0
  problem: str = ""

  def walk(self) -> Iterator["Folder"]:
    """Yields this folder and all below it, by path."""
    yield self
    for folder in self.folders:
      yield from folder.walk()

  def all_files(self) -> Iterator[pathlib.Path]:
    """Yields the files here, then those below."""
    for folder in self.walk():
      yield from folder.files

  @functools.cached_property
  def images_here(self) -> int:
    """How many files that look like images lie in this folder itself."""
    return sum(map(looks_like_image, self.files))

  @functools.cached_property
  def images_below(self) -> int:
    """How many lie in sub-folders."""
    return sum(folder.images_here + folder.images_below for folder in self.folders)

  @property
  def class_folders(self) -> list["Folder"]:
    """The sub-folders that hold something that looks like an image."""
    return [f for f in self.folders if f.images_here + f.images_below]


def printable(path: str | os.PathLike) -> str:
  """The path as text that can be printed: bytes that are no UTF-8 as `\\xe9`."""
  return os.fsencode(path).decode("utf-8", "backslashreplace")


def looks_like_image(path: pathlib.Path) -> bool:
  """Whether a file is called as an image, or begins as one."""
  return extension(path) in IMAGE_EXTENSIONS or bool(begins_as(path))


def begins_as(path: pathlib.Path) -> tuple[str, ...]:
  """Returns the formats that a file's content and name tell; none where it is no image."""
  try:
    if not path.is_file():  # Opening a pipe could block for ever.
      return ()
    with open(path, "rb") as file:
      head = file.read(HEAD_BYTES)
      file.seek(max(0, path.stat().st_size - TAIL_BYTES))
      return formats_of(head, file.read(TAIL_BYTES), extension(path))
  except OSError:
    return ()


def read_tree(root: pathlib.Path) -> Folder:
  """Lists everything below a folder.

  A link to a folder is followed, unless it leads to a folder above it.

  Raises:
    OSError: If the folder itself cannot be opened.
  """
  status = root.stat()
  tree = Folder(root, printable(root.name or root.resolve().name))
  _fill(tree, [(status.st_dev, status.st_ino)], 0)
  return tree


def _fill(folder: Folder, above: list[tuple[int, int]], links: int) -> None:
  """Lists one folder; `above` are the identities of it and those that it lies in."""
  with os.scandir(folder.path) as found:
    entries = sorted(found, key=lambda entry: entry.name)
  for entry in entries:
    if _is_clutter(entry.name):
      folder.hidden += _count(pathlib.Path(entry.path))
    elif _is_folder(entry):
      path = folder.path / entry.name
      inner = Folder(path, unicodedata.normalize("NFC", printable(entry.name)))
      folder.folders.append(inner)
      _enter(inner, above, links + entry.is_symlink())
    else:
      folder.files.append(folder.path / entry.name)


def _enter(folder: Folder, above: list[tuple[int, int]], links: int) -> None:
  """Lists a sub-folder, or says why not."""
  try:
    status = folder.path.stat()
    key = status.st_dev, status.st_ino
    if key in above:
      folder.problem = "link to a folder above it"
    elif len(above) > _MOST_DEEP:
      folder.problem = f"more than {_MOST_DEEP} folders deep"
    elif links > _MOST_LINKS:
      folder.problem = f"more than {_MOST_LINKS} links to folders deep"
    else:
      _fill(folder, [*above, key], links)
  except OSError as error:
    folder.problem = f"folder cannot be opened: {error.strerror}"


def _is_clutter(name: str) -> bool:
  return name.startswith(".") or name.lower() in _CLUTTER


def _is_folder(entry: os.DirEntry) -> bool:
  try:
    return entry.is_dir()
  except OSError:  # A link to itself.
    return False


def _count(path: pathlib.Path) -> int:
  """How many files a hidden entry is: itself, or all that lies below it."""
  if path.is_symlink() or not path.is_dir():
    return 1
  return sum(len(files) for _, _, files in os.walk(path))
