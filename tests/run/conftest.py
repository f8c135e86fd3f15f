"""The bundled data, and `lead_jax.rank` with a store of its own."""

import pytest

import lead_jax
from lead_jax.data._bundled import load_digits_dataset
from tests.run.small_models import tiny_spec


@pytest.fixture(scope="module")
def digits():
  return load_digits_dataset("test")


@pytest.fixture
def run(tmp_path, digits):
  def call(models=None, metrics=("knn", "feature_norm"), **options):
    options = {"cache_dir": tmp_path / "cache", "resamples": 0, **options}
    if models is None:
      models = [tiny_spec("a", 1), tiny_spec("b", 2, width=3), tiny_spec("c", 3)]
    return lead_jax.rank(options.pop("dataset", digits), models, metrics, **options)

  return call
