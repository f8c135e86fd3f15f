"""Image files: read once when a data set is loaded, and again on demand.

Every file is hashed at its first reading (its content is the key of the feature store)
and decoded, so that what cannot be used is known, and named, before any network starts.
Decoded pixels stay in memory within a budget; the others are read again when they are
asked for, and checked against their hash, so that a file that has changed since is an
error and not a wrong entry in the store.
"""

import dataclasses
import hashlib
import pathlib
import stat
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from lead_jax.checks import InputError
from lead_jax.data._formats import IMAGE_EXTENSIONS, RAW_EXTENSIONS, extension
from lead_jax.data._images import NOT_AN_IMAGE, ImageError, decode
from lead_jax.data._seen import Seen, look_at, notes_of, warnings_of
from lead_jax.data._tree import begins_as, printable
from lead_jax.system import cpu_count

# Reason of a file that nobody says is an image.
NO_IMAGE = "no image by name or content"

# No photograph is larger; a file is held in memory while it is hashed.
_MAX_FILE_BYTES = 512 << 20


@dataclasses.dataclass(frozen=True)
class ReadFiles:
  """Files after their first reading.

  Attributes:
    kept: Which of them are images that can be used, ascending.
    reasons: Why each of the others cannot.
    fingerprint: SHA-256 (hex) of the content and the order of those kept.
    read_image: Returns the i-th of those kept; safe to call from threads.
    pixels: SHA-256 of the decoded pixels of each of those kept.
    notes: What was decided about them, in clauses; see `Seen`.
    warnings: What is odd about them, in lines.
  """

  kept: tuple[int, ...]
  reasons: dict[int, str]
  fingerprint: str
  read_image: Callable[[int], np.ndarray]
  pixels: tuple[bytes, ...]
  notes: tuple[str, ...]
  warnings: tuple[str, ...]


def read_files(
  paths: Sequence[pathlib.Path], *, memory_budget: int, threads: int | None
) -> ReadFiles:
  """Reads image files for the first time.

  Args:
    paths: The files.
    memory_budget: Bytes of decoded pixels to keep in memory.
    threads: How many files are read at a time; None is one per CPU core.
  """
  reader = _Reader(memory_budget)
  with warnings.catch_warnings():
    # Pillow warns of damaged metadata and large pictures; the reasons say what matters.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    with ThreadPoolExecutor(threads or cpu_count()) as pool:
      outcomes = list(pool.map(reader.first_read, paths))
  reasons = {
    i: outcome.reason
    for i, outcome in enumerate(outcomes)
    if outcome.reason is not None
  }
  kept = tuple(i for i in range(len(paths)) if i not in reasons)
  reader.keep([(paths[i], outcomes[i]) for i in kept])
  digest = hashlib.sha256(b"images\n")
  for i in kept:
    digest.update(outcomes[i].sha256)
  seen = [found for i in kept if (found := outcomes[i].seen) is not None]
  return ReadFiles(
    kept,
    reasons,
    digest.hexdigest(),
    reader,
    tuple(one.pixels for one in seen),
    tuple(notes_of(seen)),
    tuple(warnings_of(seen)),
  )


class _Outcome:
  """What became of one file at its first reading."""

  __slots__ = ("pixels", "reason", "seen", "sha256")

  def __init__(
    self,
    sha256: bytes = b"",
    pixels: np.ndarray | None = None,
    reason: str | None = None,
    seen: Seen | None = None,
  ):
    self.sha256 = sha256
    self.pixels = pixels
    self.reason = reason
    self.seen = seen


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
      decoded = decode(data, extension(path))
    except ImageError as error:
      return _Outcome(reason=str(error))
    pixels = np.array(decoded.picture)
    pixels.setflags(write=False)
    seen = look_at(pixels, frames=decoded.frames, deep=decoded.deep)
    with self._lock:
      fits = pixels.nbytes <= self._left
      if fits:
        self._left -= pixels.nbytes
    digest = hashlib.sha256(data).digest()
    return _Outcome(digest, pixels if fits else None, seen=seen)

  def __call__(self, index: int) -> np.ndarray:
    pixels = self._images[index][1].pixels
    return np.array(self._read_again(index)) if pixels is None else pixels

  def picture(self, index: int) -> Image.Image:
    pixels = self._images[index][1].pixels
    return self._read_again(index) if pixels is None else Image.fromarray(pixels)

  def _read_again(self, index: int) -> Image.Image:
    path, outcome = self._images[index]
    try:
      data = _read_file(path)
      if hashlib.sha256(data).digest() != outcome.sha256:
        raise ImageError("it has changed since it was first read")
      return decode(data, extension(path)).picture
    except ImageError as error:
      raise InputError(
        f"{printable(path)!r} can no longer be used: {error}; start again"
      ) from None


def _read_file(path: pathlib.Path) -> bytes:
  """The content of a file that begins, or is called, as an image."""
  try:
    status = path.stat()
    # Opening a pipe or a device called x.jpg could block for ever.
    if not stat.S_ISREG(status.st_mode):
      raise ImageError("not a regular file")
    if extension(path) in RAW_EXTENSIONS:
      raise ImageError("camera raw data: export it as JPEG or PNG")
    if not begins_as(path):  # A video is not read to find that out.
      if extension(path) not in IMAGE_EXTENSIONS:
        raise ImageError(NO_IMAGE)
      raise ImageError(NOT_AN_IMAGE if status.st_size else "empty file")
    if status.st_size > _MAX_FILE_BYTES:
      raise ImageError(f"too large: {status.st_size} bytes")
    return path.read_bytes()
  except OSError as error:
    raise ImageError(f"cannot be opened: {error.strerror}") from None
