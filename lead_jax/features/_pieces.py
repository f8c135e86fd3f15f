"""Features of one model while they are made: chunks of the balanced order, each sealed.

```
root/pieces/ab/abcd.../00012   one file per chunk of CHUNK images, or its first ones
```
A piece is a line with a checksum, a line of JSON, and the rows of every output. It is
written under another name and renamed. What is damaged is said and made again. When a
model has all its pieces they become one entry of the store, and are removed.
"""

import hashlib
import math
import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from lead_jax.checks import one_line
from lead_jax.readers import parse_json
from lead_jax.system import canonical_json, remove_stale, replacing

# Images per chunk: what a killed extraction computes again at most.
CHUNK = 128

Rows = dict[str, np.ndarray]


class Pieces:
  """Rows of the outputs of one model on one data set, in the order of the data set's.

  Safe for several processes: those that write one piece write the same rows, or more.

  Attributes:
    folder: Of the files; it need not be there.
  """

  def __init__(
    self, folder: pathlib.Path, key: str, warn: Callable[[str], object]
  ) -> None:
    """Takes a folder.

    Args:
      folder: Of the pieces of this key alone.
      key: What they are of.
      warn: Told, in one line, of each piece that is damaged.
    """
    self.folder, self._key, self._warn = folder, key, warn

  def read(self, chunk: int) -> Rows | None:
    """Returns the rows of a chunk that are there, float32[R, D] each; None of none."""
    path = self._path(chunk)
    try:
      data = path.read_bytes()
    except FileNotFoundError:
      return None
    try:
      return self._unsealed(data, chunk)
    # A damaged file may make its reader raise anything.
    except Exception as error:
      self._warn(
        f"feature store: {str(path)!r} is damaged ({one_line(error, most=200)}) and is "
        "computed again"
      )
      return None

  def write(self, chunk: int, rows: Mapping[str, np.ndarray]) -> None:
    """Keeps rows of a chunk, from its first on.

    Raises:
      OSError: If they cannot be written.
    """
    self.folder.mkdir(parents=True, exist_ok=True)
    names = sorted(rows)
    facts = {name: list(rows[name].shape) for name in names}
    head = canonical_json({"key": self._key, "chunk": chunk, "shapes": facts})
    body = b"\n".join(
      [head, b"".join(np.ascontiguousarray(rows[n], "<f4").tobytes() for n in names)]
    )
    # It is checked when it is read: a power cut may cost it.
    with replacing(self._path(chunk), lasting=False) as file:
      file.write(_checksum(body) + b"\n" + body)

  def remove(self) -> None:
    """Removes all pieces; another process may be doing the same."""
    if self.folder.is_dir():
      remove_stale(self.folder)
      for path in self.folder.iterdir():
        if not path.name.startswith("."):
          path.unlink(missing_ok=True)
      try:
        self.folder.rmdir()
      except OSError:  # somebody is writing there
        return

  def _path(self, chunk: int) -> pathlib.Path:
    return self.folder / f"{chunk:05d}"

  def _unsealed(self, data: bytes, chunk: int) -> Rows:
    checksum, _, body = data.partition(b"\n")
    if checksum != _checksum(body):
      raise ValueError("its checksum does not match")
    head, _, values = body.partition(b"\n")
    facts = parse_json(head, "it")
    if facts["key"] != self._key or facts["chunk"] != chunk:
      raise ValueError(f"it is chunk {facts['chunk']} of key {facts['key']}")
    rows, start = {}, 0
    for name, shape in facts["shapes"].items():
      stop = start + 4 * math.prod(shape)
      rows[name] = np.frombuffer(values[start:stop], "<f4").reshape(shape)
      start = stop
    return rows


def _checksum(body: bytes) -> bytes:
  return hashlib.blake2b(body, digest_size=16).hexdigest().encode()
