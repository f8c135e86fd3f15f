"""Compiled programs that are kept: damaged ones heal, a full disk leaves none."""

import errno
import os
import pathlib
import subprocess
import sys

import pytest

from lead_jax.system import _kept_programs as kept
from lead_jax.system._kept_programs import KeptPrograms

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Prints the names of programs that were compiled, not read, and what was warned of.
RUN = """
import logging, sys, warnings
import jax, jax.numpy as jnp
from lead_jax.system import keep_compiled
keep_compiled(sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
counts = {"hits": 0, "misses": 0}
def count(event, **_):
  for name in counts:
    counts[name] += event == f"/jax/compilation_cache/cache_{name}"
jax.monitoring.register_event_listener(count)
value = jax.jit(lambda x: (x @ x.T).sum())(jnp.ones((3, 4)))
assert value == 36, value
print(counts["misses"])
"""


def compiled(cache: pathlib.Path) -> int:
  done = subprocess.run(
    [sys.executable, "-c", RUN, str(cache)], cwd=ROOT, capture_output=True, text=True
  )
  assert done.returncode == 0, done.stderr
  assert done.stderr == ""
  return int(done.stdout)


def test_damaged_programs_are_compiled_again_once(tmp_path):
  """In JAX itself: the seam that it is hung in is not promised by JAX."""
  first = compiled(tmp_path)
  entries = sorted((tmp_path / "xla").iterdir())
  assert first >= 1
  assert len(entries) == first
  entries[0].write_bytes(b"")  # what a full disk left
  for path in entries[1:]:
    path.write_bytes(path.read_bytes()[:-7])
  assert compiled(tmp_path) == first
  assert compiled(tmp_path) == 0


@pytest.mark.parametrize("bit", [0, 8 * 31 + 3, 8 * 32, -1])
def test_no_damaged_entry_is_believed(tmp_path, bit):
  programs = KeptPrograms(tmp_path / "xla")
  assert programs.get("key") is None
  programs.put("key", b"a program")
  assert programs.get("key") == b"a program"
  (path,) = (tmp_path / "xla").iterdir()
  data = bytearray(path.read_bytes())
  data[bit // 8] ^= 1 << bit % 8
  path.write_bytes(data)
  assert programs.get("key") is None
  assert list((tmp_path / "xla").iterdir()) == []
  programs.put("key", b"a program")
  path.rename(path.with_name("other.sealed"))
  assert programs.get("other") is None


@pytest.mark.parametrize("where", ["open", "replace", "mkdir"])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, where):
  def refuse(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  programs = KeptPrograms(tmp_path / "xla")
  with monkeypatch.context() as patch:
    if where == "open":
      patch.setattr("lead_jax.system._atomic.open", refuse, raising=False)
    else:
      patch.setattr(os, where, refuse)
    programs.put("key", b"a program")
  assert programs.get("key") is None
  assert list(tmp_path.rglob("*.*")) == []
  programs.put("key", b"a program")
  assert programs.get("key") == b"a program"


def test_jax_asks_as_it_is_answered():
  from jax._src import compilation_cache, compilation_cache_interface

  asked = compilation_cache_interface.CacheInterface.__abstractmethods__
  assert asked <= set(dir(KeptPrograms)) | {"_path"}
  assert callable(compilation_cache.get_file_cache)
  assert kept.KeptPrograms("x").clear() is None
