"""Compiled programs, kept from run to run and checked before they are used.

JAX's own cache of programs writes a file in place, never replaces it and believes what it
reads: a full disk leaves an empty entry, which is warned of and compiled again in all later
runs. Here an entry is renamed into its place when it is whole and carries its checksum; one
that does not match is removed, compiled again and replaced. An entry is looked at when it
is asked for, so a large cache costs nothing to open.
"""

import contextlib
import hashlib
import os
import pathlib

import jax

from lead_jax.system._atomic import remove_stale, replacing

_DIGEST = 32  # bytes


def keep_compiled(cache_dir: str | os.PathLike) -> None:
  """Has every network and every shape compiled once, not once per run.

  Args:
    cache_dir: Programs are kept in its folder `xla`. Where that cannot be written they are
      not kept.
  """
  from jax._src import compilation_cache

  folder = pathlib.Path(cache_dir) / "xla"
  # JAX's own place for another cache; it is no subclass, so that JAX can stay lazy here.
  compilation_cache.get_file_cache = _opened  # type: ignore[assignment]
  compilation_cache.reset_cache()
  jax.config.update("jax_compilation_cache_dir", str(folder))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
  # XLA's own files in that folder have no checksum.
  jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
  remove_stale(folder)


def _opened(path: str) -> tuple["KeptPrograms", str]:
  """A cache and where it is, as JAX asks for it."""
  return KeptPrograms(path), path


class KeptPrograms:
  """A folder of programs, as JAX's `CacheInterface` asks for it; never raises `OSError`.

  Attributes:
    path: The folder.
  """

  def __init__(self, path: str | os.PathLike):
    """Takes the folder, which is made when something is put into it."""
    self.path = self._path = pathlib.Path(path)

  def get(self, key: str) -> bytes | None:
    """Returns an entry; None if there is none, or none that is sound."""
    path = self._place(key)
    try:
      sealed = path.read_bytes()
    except OSError:
      return None
    value = sealed[_DIGEST:]
    if sealed[:_DIGEST] == _digest(key, value):
      return value
    with contextlib.suppress(OSError):
      path.unlink()
    return None

  def put(self, key: str, value: bytes) -> None:
    """Keeps an entry, where there is room for it."""
    with contextlib.suppress(OSError):
      self.path.mkdir(parents=True, exist_ok=True)
      # Not flushed: what a power cut tears is found by its checksum.
      with replacing(self._place(key), lasting=False) as file:
        file.write(_digest(key, value) + value)

  def clear(self) -> None:
    """Forgets nothing: entries are of their own content."""

  def _place(self, key: str) -> pathlib.Path:
    return self.path / f"{key}.sealed"


def _digest(key: str, value: bytes) -> bytes:
  """Of a name and what belongs to it: an entry under another name is not believed."""
  return hashlib.blake2b(
    value, digest_size=_DIGEST, key=hashlib.blake2b(key.encode()).digest()
  ).digest()
