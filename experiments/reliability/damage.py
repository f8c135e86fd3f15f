"""Stored states with one piece of damage: found, told, computed again, never believed."""

import pathlib
import random
import shutil
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from experiments.reliability.cases import Found
from lead_jax.features import FeatureStore
from lead_jax.system import KeptPrograms, content_key

# Long ones have more bytes to damage; a header of NumPy alone has 128.
_ARRAYS: Mapping[str, Mapping[str, np.ndarray]] = {
  content_key(array=i): {
    "features": np.random.default_rng(i).normal(size=(3 + i, 5)).astype(np.float32),
    "logits": np.random.default_rng(9 + i).normal(size=(3 + i, 2))
    if i % 2
    else np.ones(2),
  }
  for i in (1, 2)
}
_VALUES = {content_key(value=i): {"score": 0.1 + i, "rows": [i, None]} for i in (1, 2)}
_PIECE = content_key(piece=1)
_PIECES = {
  str(i): {
    "features": np.random.default_rng(i).normal(size=(4 + i, 3)).astype(np.float32)
  }
  for i in (0, 1)
}
_PROGRAMS = {f"jit_f-{i}": bytes(range(40 + i)) for i in (1, 2)}


def make(folder: pathlib.Path) -> None:
  """Writes a sound state."""
  store = FeatureStore(folder / "features")
  for key, arrays in _ARRAYS.items():
    store.put(key, arrays)
  for key, value in _VALUES.items():
    store.put_json(key, value)
  for chunk, rows in _PIECES.items():
    store.pieces(_PIECE).write(int(chunk), rows)
  programs = KeptPrograms(folder / "xla")
  for key, program in _PROGRAMS.items():
    programs.put(key, program)


def damage(case: int, folder: pathlib.Path) -> Found:
  """Damages one file of a sound state and reads it, heals it and reads it again.

  Args:
    case: Its number.
    folder: For the state, which is made again where it is not there.
  """
  draw = random.Random(case)
  place = folder / "damaged"
  if not place.exists():
    make(place)
  files = sorted(path for path in place.rglob("*") if path.is_file())
  path = draw.choice(files)
  how = draw.choice(list(_WAYS))
  sound = {one: one.read_bytes() for one in files}
  _WAYS[how](path, draw, files)
  kind = f"{how}: {path.relative_to(place)}"
  try:
    wrong, healed = _read_and_heal(place, path.name)
  except Exception as error:
    wrong, healed = [f"{type(error).__name__}: {error}"], False
  left = [f"left: {one.name}" for one in place.rglob(".*.tmp")]
  if not healed:
    # As the user is told to do; the other states need it whole.
    shutil.rmtree(place)
    make(place)
  for one, content in sound.items():
    # Of a header, a bit that changes nothing stays.
    if one.read_bytes() != content:
      one.write_bytes(content)
  return Found("damage", case, kind, [], wrong, left)


def _read_and_heal(place: pathlib.Path, name: str) -> tuple[list[str], bool]:
  """What was wrong, and whether the state is sound again."""
  told: list[str] = []
  with warnings.catch_warnings(action="ignore"):
    try:
      store = FeatureStore(place / "features", warn=told.append)
    except ValueError as error:
      # A version that is another one by its number is refused in one line.
      return [] if name == "VERSION" and "\n" not in str(error) else [str(error)], False
    programs = KeptPrograms(place / "xla")
    wrong = _read(store, programs)
    for key, arrays in _ARRAYS.items():
      store.put(key, arrays)
    for key, value in _VALUES.items():
      store.put_json(key, value)
    for chunk, rows in _PIECES.items():
      store.pieces(_PIECE).write(int(chunk), rows)
    for key, program in _PROGRAMS.items():
      programs.put(key, program)
    again = FeatureStore(place / "features", warn=told.append)
    count = len(told)
    wrong += _read(again, programs, whole=True)
    wrong += [f"not healed: {line}" for line in told[count:]]
  return [*wrong, *(line for line in told if "\n" in line)], True


def _read(
  store: FeatureStore, programs: KeptPrograms, *, whole: bool = False
) -> list[str]:
  """Which entries are not what was written; `whole`: or are not there."""
  sources: tuple[tuple[Mapping[str, Any], Callable[[str], Any]], ...] = (
    (_ARRAYS, store.get),
    (_VALUES, store.get_json),
    (_PIECES, lambda chunk: store.pieces(_PIECE).read(int(chunk))),
    (_PROGRAMS, programs.get),
  )
  wrong = []
  for written, read in sources:
    for key, value in written.items():
      found = read(key)
      if found is None:
        wrong += [f"{key[:12]} is not there"] if whole else []
      elif not _same(found, value):
        wrong.append(f"{key[:12]} is believed")
  return wrong


def _same(found: Any, value: Any) -> bool:
  if isinstance(value, dict) and isinstance(next(iter(value.values())), np.ndarray):
    return found.keys() == value.keys() and all(
      found[name].dtype == value[name].dtype
      and np.array_equal(found[name], value[name])
      for name in value
    )
  return found == value


def _flip(path: pathlib.Path, draw: random.Random, _: list[pathlib.Path]) -> None:
  data = bytearray(path.read_bytes())
  bit = draw.randrange(8 * len(data))
  data[bit // 8] ^= 1 << bit % 8
  path.write_bytes(data)


def _flip_two(path: pathlib.Path, draw: random.Random, _: list[pathlib.Path]) -> None:
  _flip(path, draw, [])
  _flip(path, draw, [])


def _truncate(path: pathlib.Path, draw: random.Random, _: list[pathlib.Path]) -> None:
  data = path.read_bytes()
  path.write_bytes(data[: draw.randrange(len(data))])


def _lengthen(path: pathlib.Path, draw: random.Random, _: list[pathlib.Path]) -> None:
  path.write_bytes(path.read_bytes() + draw.randbytes(draw.randint(1, 50)))


def _zeros(path: pathlib.Path, draw: random.Random, _: list[pathlib.Path]) -> None:
  data = bytearray(path.read_bytes())
  start = draw.randrange(len(data))
  length = min(draw.randint(1, 64), len(data) - start)
  data[start : start + length] = bytes(length)
  path.write_bytes(data)


def _swap(path: pathlib.Path, draw: random.Random, files: list[pathlib.Path]) -> None:
  other = draw.choice(files)
  one, two = path.read_bytes(), other.read_bytes()
  path.write_bytes(two)
  other.write_bytes(one)


_WAYS: Mapping[str, Callable[[pathlib.Path, random.Random, list[pathlib.Path]], object]]
_WAYS = {
  "a bit flipped": _flip,
  "two bits flipped": _flip_two,
  "truncated": _truncate,
  "emptied": lambda path, *_: path.write_bytes(b""),
  "lengthened": _lengthen,
  "zeros": _zeros,
  "swapped": _swap,
  "removed": lambda path, *_: path.unlink(),
}
