"""Whatever compiles programs, they do not use up the memory maps of the process."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lead_jax
from lead_jax import numerics
from tests import house

MAPS = pathlib.Path("/proc/self/maps")
# Rooms whose functions compile programs.
COMPILING = (*house.MATHEMATICS, "features", "finetune", "run")


@pytest.fixture
def limits(tmp_path, monkeypatch):
  """Stands in for the system's files: 100 maps are allowed, as many as asked are held."""
  monkeypatch.setattr(numerics, "_MAPS", str(tmp_path / "maps"))
  monkeypatch.setattr(numerics, "_LIMIT", str(tmp_path / "max_map_count"))
  (tmp_path / "max_map_count").write_text("100\n")

  def hold(count):
    (tmp_path / "maps").write_text("a map\n" * count)

  return hold


def test_programs_are_forgotten_only_where_they_are_many(limits):
  double = jax.jit(lambda x: 2 * x)
  double(jnp.ones(3))
  limits(40)
  assert not numerics.forget_programs_if_many()
  assert double._cache_size() == 1
  limits(41)
  assert numerics.forget_programs_if_many()
  assert double._cache_size() == 0
  assert double(jnp.ones(3)).sum() == 6  # compiled again
  assert numerics.forget_programs_if_many(share=0.4)
  assert not numerics.forget_programs_if_many(share=0.5)


def test_systems_that_do_not_say_are_left_alone(limits):
  assert not numerics.forget_programs_if_many()  # there is no file of maps


def _reached_at_import(module):
  found, waiting = set(), {module}
  while waiting:
    one = waiting.pop()
    found.add(one)
    pairs = house.imported(house.MODULES[one], at_the_top=True)
    others = {house.definer(*pair) if pair[1] else pair[0] for pair in pairs}
    waiting |= others & set(house.MODULES) - found
  return found


@pytest.mark.parametrize("room", sorted(COMPILING))
def test_every_room_that_compiles_is_bounded(room):
  """By import: a program of one of its functions is seen, whoever calls the function."""
  free = [
    module
    for module, path in house.MODULES.items()
    if house.room_of(module) == room
    and "jax.jit" in path.read_text(encoding="utf-8")
    and "lead_jax.numerics" not in _reached_at_import(module)
  ]
  assert not free


@pytest.mark.skipif(not MAPS.exists(), reason="this system has no /proc/self/maps")
def test_a_loop_over_widths_holds_few_maps(monkeypatch):
  """Small: 5 widths x 2 metrics. In full: python -m experiments.check_reliability."""
  count = lambda: len(MAPS.read_bytes().splitlines())
  limit = int(pathlib.Path("/proc/sys/vm/max_map_count").read_text())
  jax.clear_caches()
  room = 300
  monkeypatch.setattr(numerics, "MAPS_SHARE", (count() + room) / limit)
  monkeypatch.setattr(numerics, "_EVERY", 1)
  labels, most = np.arange(24) % 3, 0
  start = count()
  rng = np.random.default_rng(0)
  for width in range(5, 10):
    features = rng.normal(size=(24, width)).astype(np.float32)
    for metric in ("knn", "h_score"):
      lead_jax.score(metric, features, labels)
      most = max(most, count() - start)
  assert 0 < most < 3 * room
