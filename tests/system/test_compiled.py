"""A long run must not use up the memory maps that compiled programs hold."""

import jax
import jax.numpy as jnp
import pytest

from lead_jax.system import _compiled as compiled


@pytest.fixture
def limits(tmp_path, monkeypatch):
  """Stands in for the system's files: 100 maps are allowed, as many as asked are held."""
  monkeypatch.setattr(compiled, "_MAPS", tmp_path / "maps")
  monkeypatch.setattr(compiled, "_LIMIT", tmp_path / "max_map_count")
  (tmp_path / "max_map_count").write_text("100\n")

  def hold(count):
    (tmp_path / "maps").write_text("a map\n" * count)

  return hold


def test_programs_are_forgotten_only_where_they_are_many(limits):
  double = jax.jit(lambda x: 2 * x)
  double(jnp.ones(3))
  limits(40)
  assert not compiled.forget_if_many()
  assert double._cache_size() == 1
  limits(41)
  assert compiled.forget_if_many()
  assert double._cache_size() == 0
  assert double(jnp.ones(3)).sum() == 6  # compiled again


def test_systems_that_do_not_say_are_left_alone(limits):
  assert not compiled.forget_if_many()  # there is no file of maps
