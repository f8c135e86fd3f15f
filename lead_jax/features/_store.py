"""Features on disk, computed once: a content-addressed, atomic store.

```
root/VERSION                       which format this is
root/arrays/ab/abcd.../NAME.npy    one folder per entry, mapped into memory when read
root/arrays/ab/abcd.../MANIFEST    shapes and checksums; written last
root/json/ab/abcd....json          small results (scores)
root/pieces/ab/abcd.../00012       rows of an entry that is being made; see `Pieces`
```
An entry is written under a temporary name beside its place, flushed to disk, and renamed:
whatever moment a process is killed at, an entry is there completely or not at all. Keys
are hashes of everything that a result depends on, so writers that race for one write the
same thing, and nothing is ever out of date. What is damaged all the same (a disk, a copy
broken off) is found by its checksum, said in one line, and computed again.
"""

import contextlib
import copy
import errno
import hashlib
import os
import pathlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from lead_jax.checks import InputError, one_line, parameter
from lead_jax.features._pieces import Pieces
from lead_jax.readers import map_npy, parse_json
from lead_jax.system import (
  canonical_json,
  remove_stale,
  replacing,
  replacing_folder,
  user_path,
)

FORMAT_VERSION = 1
_VERSION_TEXT = f"lead_jax feature store {FORMAT_VERSION}\n"
_FOLDER = parameter("cache_dir")

# What a store of any version says of itself.
_OTHER_VERSION = re.compile(r"lead_jax feature store \d+\n")
# All that lies in one, beside VERSION.
_FOLDERS = {"arrays", "json", "pieces"}


class FeatureStore:
  """Arrays and small JSON results under content keys; see the module's docstring.

  Safe for threads and for several processes. A store that cannot be written can still be
  read, and what was to be kept in it is held by this object, so that a full disk costs no
  result.

  Attributes:
    root: Its folder.
    said: What `warn` was told.
  """

  def __init__(
    self,
    root: str | os.PathLike,
    *,
    warn: Callable[[str], object] = warnings.warn,
  ):
    """Opens a store, making it if there is nothing.

    Args:
      root: Its folder.
      warn: Told, in one line, of each entry that is damaged and will be made again.

    Raises:
      InputError: If `root` is no folder, is something else than a store, was written by
        another version, or cannot be made.
    """
    self.root = user_path(root)
    self.said: list[str] = []
    self._warn = warn
    self._unwritten: dict[str, Any] = {}
    with self.reported("opened"):
      if self.root.exists() and not self.root.is_dir():
        raise InputError(f"{self._name} is a file: give another {_FOLDER}")
      self.root.mkdir(parents=True, exist_ok=True)
      names = {path.name for path in self.root.iterdir()}
      if not {name for name in names if not name.startswith(".")}:
        with replacing(self.root / "VERSION") as file:
          file.write(_VERSION_TEXT.encode())
      elif "VERSION" not in names:
        raise InputError(
          f"{self._name} is not a feature store (it has other files and no VERSION): "
          f"give another {_FOLDER}"
        )
      with open(self.root / "VERSION", "rb") as version:
        found = version.read(200)
    self._check_version(found.decode("utf-8", "replace"), names)
    for folder in (self.root, *self.root.glob("*/*")):
      remove_stale(folder)

  def _check_version(self, found: str, names: set[str]) -> None:
    """Refuses a store of another version; writes a VERSION that is damaged anew."""
    if found == _VERSION_TEXT:
      return
    own = {name for name in names if not name.startswith(".")} - {"VERSION"}
    if _OTHER_VERSION.fullmatch(found) or not own or not own <= _FOLDERS:
      theirs = " ".join(found.split()) or "nothing"
      raise InputError(
        f"{self._name} was written by another version (VERSION says {theirs!r}, this is "
        f"{_VERSION_TEXT.strip()!r}): give another {_FOLDER} or delete it"
      )
    # Every entry has its own checksum: no other one is read by mistake.
    self.warn(f"feature store: {str(self.root / 'VERSION')!r} is damaged: written anew")
    with self.reported("written"), replacing(self.root / "VERSION") as file:
      file.write(_VERSION_TEXT.encode())

  def warn(self, message: str) -> None:
    """Tells the user something, once."""
    if message not in self.said:
      self.said.append(message)
      self._warn(message)

  def get(self, key: str) -> dict[str, np.ndarray] | None:
    """Reads the arrays of an entry.

    Args:
      key: As for `put`.

    Returns:
      Read-only arrays, mapped from their files, or None if there is no such entry or it
      is damaged (of which `warn` is told).
    """
    folder = self._folder(key)
    try:
      if not folder.exists():
        return None
      return _read_entry(folder, key)
    # A damaged file may make its reader raise anything.
    except Exception as error:
      self.warn(
        f"feature store: {str(folder)!r} is damaged ({one_line(error, most=200)}) and is "
        "computed again"
      )
      return None

  def put(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an entry; if a sound one is there, that one stays.

    Args:
      key: Lower-case hex digits, from `lead_jax.system.content_key`.
      arrays: Arrays of numbers by name (letters, digits, underscores).

    Raises:
      InputError: If the store cannot be written or its disk is full.
    """
    with self._entry(key) as (temporary, facts):
      for name, array in arrays.items():
        with open(temporary / f"{name}.npy", "wb") as file:
          np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        facts[name] = _array_facts(array)

  def put_rows(
    self,
    key: str,
    shapes: Mapping[str, tuple[int, ...]],
    blocks: Iterable[tuple[np.ndarray, Mapping[str, np.ndarray]]],
  ) -> None:
    """Writes an entry of float32 arrays, some rows at a time; never holds all of it.

    Args:
      key: As for `put`.
      shapes: By array.
      blocks: Numbers of rows, and these rows of every array; each row once.

    Raises:
      InputError: As for `put`; what `blocks` raises is handed on.
    """
    with self._entry(key) as (temporary, facts):
      arrays = {
        name: np.lib.format.open_memmap(temporary / f"{name}.npy", "w+", "<f4", shape)
        for name, shape in shapes.items()
      }
      for numbers, rows in blocks:
        for name, array in arrays.items():
          array[numbers] = rows[name]
      for name, array in arrays.items():
        array.flush()
        facts[name] = _array_facts(array)

  @contextlib.contextmanager
  def _entry(self, key: str) -> Iterator[tuple[pathlib.Path, dict[str, Any]]]:
    """Makes a folder to be filled with arrays, and what is to be told of them."""
    folder, facts = self._folder(key), dict[str, Any]()
    with self.reported("written"):
      folder.parent.mkdir(parents=True, exist_ok=True)
      # One that is sound stays: another writer was first, with the same content.
      sound = lambda there: _is_sound(there, key)
      with replacing_folder(folder, keep=sound) as temporary:
        yield temporary, facts
        (temporary / "MANIFEST").write_bytes(_seal({"key": key, "arrays": facts}))

  def pieces(self, key: str) -> Pieces:
    """Returns rows of an entry that is being made.

    Args:
      key: As for `put`.
    """
    folder = self.root / "pieces" / _checked(key)[:2] / key
    if folder.is_dir():
      remove_stale(folder)
    return Pieces(folder, key, self.warn)

  def get_json(self, key: str) -> Any:
    """Reads a small result; None if there is none or it is damaged (`warn` is told)."""
    if key in self._unwritten:
      return copy.deepcopy(self._unwritten[key])
    path = self._json_path(key)
    try:
      body = _unseal(path.read_bytes())
      if body["key"] != key:
        raise ValueError(f"it belongs to key {body['key']}")
      return body["value"]
    except FileNotFoundError:
      return None
    # A damaged file may make its reader raise anything.
    except Exception as error:
      self.warn(
        f"feature store: {str(path)!r} is damaged ({one_line(error, most=200)}) and is "
        "computed again"
      )
      return None

  def put_json(self, key: str, value: Any) -> None:
    """Writes a small result, replacing what is there.

    Args:
      key: Lower-case hex digits, from `lead_jax.system.content_key`.
      value: Anything that `json` takes; NaN and infinities included.

    Raises:
      InputError: If the store cannot be written or its disk is full.
    """
    path = self._json_path(key)
    data = _seal({"key": key, "value": value})
    with self.reported("written"):
      path.parent.mkdir(parents=True, exist_ok=True)
      with replacing(path) as file:
        file.write(data)
    self._unwritten.pop(key, None)

  def keep_json(self, key: str, value: Any) -> None:
    """Does what `put_json` does; where that fails, `warn` is told and nothing is lost."""
    try:
      self.put_json(key, value)
    except InputError as error:
      self._unwritten[key] = value
      self.warn(str(error))

  @property
  def _name(self) -> str:
    return f"feature store {str(self.root)!r}"

  def _folder(self, key: str) -> pathlib.Path:
    return self.root / "arrays" / _checked(key)[:2] / key

  def _json_path(self, key: str) -> pathlib.Path:
    return self.root / "json" / _checked(key)[:2] / f"{key}.json"

  @contextlib.contextmanager
  def reported(self, done: str) -> Iterator[None]:
    """Turns what the file system says into an `InputError` of one line with a remedy.

    Args:
      done: What cannot be done to the store: `written`, `opened`.
    """
    try:
      yield
    except OSError as error:
      if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = f"free some space or give another {_FOLDER}"
      else:
        remedy = f"give another {_FOLDER}"
      raise InputError(
        f"{self._name} cannot be {done}: {error.strerror or error}; {remedy}"
      ) from None


def _checked(key: str) -> str:
  if not re.fullmatch(r"[0-9a-f]{8,128}", key):
    raise ValueError(f"key must be 8 to 128 lower-case hex digits, got {key!r}")
  return key


def _seal(body: Any) -> bytes:
  """JSON in two lines: a checksum, and what it is of."""
  data = canonical_json(body)
  return hashlib.blake2b(data, digest_size=16).hexdigest().encode() + b"\n" + data


def _unseal(sealed: bytes) -> Any:
  checksum, _, data = sealed.partition(b"\n")
  if hashlib.blake2b(data, digest_size=16).hexdigest().encode() != checksum:
    raise ValueError("its checksum does not match")
  return parse_json(data, "it", finite=False)


def _array_facts(array: np.ndarray) -> dict[str, Any]:
  """What must be found again when an array is read."""
  array = np.ascontiguousarray(array)
  return {
    "shape": list(array.shape),
    "dtype": array.dtype.str,
    "blake2b": hashlib.blake2b(
      array.reshape(-1).view(np.uint8).data, digest_size=16
    ).hexdigest(),
  }


def _is_sound(folder: pathlib.Path, key: str) -> bool:
  try:
    _read_entry(folder, key)
  except Exception:
    return False
  return True


def _read_entry(folder: pathlib.Path, key: str) -> dict[str, np.ndarray]:
  """Maps the arrays of an entry, each checked; raises where one is damaged."""
  manifest = _unseal((folder / "MANIFEST").read_bytes())
  if manifest["key"] != key:
    raise ValueError(f"it belongs to key {manifest['key']}")
  return {
    name: _read_array(folder / f"{name}.npy", facts)
    for name, facts in manifest["arrays"].items()
  }


def _read_array(path: pathlib.Path, facts: Mapping[str, Any]) -> np.ndarray:
  array = map_npy(path)
  if _array_facts(array) != facts:
    raise ValueError(f"{path.name} does not match its checksum")
  return array
