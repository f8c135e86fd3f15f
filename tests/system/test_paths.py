"""Paths as users write them: what stands for a folder, and what stands for none."""

import ast
import pathlib

import pytest

import lead_jax
from lead_jax.backbones import load_zoo, resolve_models
from lead_jax.backbones.catalogue import WeightSources
from lead_jax.checks import InputError
from lead_jax.data import load_dataset
from lead_jax.features import FeatureStore
from lead_jax.report import write_pages
from lead_jax.system import default_cache_dir, user_path
from tests import house
from tests.report.reports import small_report

NOBODY = "~nosuchuser/x"
SAYS = r"^'~nosuchuser/x': there is no user of that name$"


def test_the_home_folder(monkeypatch):
  monkeypatch.setenv("HOME", "/home/of/mine")
  assert user_path("~") == pathlib.Path("/home/of/mine")
  assert user_path(pathlib.Path("~/a b")) == pathlib.Path("/home/of/mine/a b")
  assert user_path("a/~b") == pathlib.Path("a/~b")
  assert user_path("/a/~nosuchuser") == pathlib.Path("/a/~nosuchuser")


@pytest.mark.parametrize(
  "use",
  [
    user_path,
    load_dataset,
    lambda path: load_dataset(f"npz:{path}"),
    lambda path: load_dataset(f"aircraft:{path}"),
    load_zoo,
    lambda path: resolve_models([f"features:{path}"]),
    lambda path: resolve_models([f"resnet50={path}"]),
    lambda path: WeightSources(cache_dir=path).cache,
    lambda path: write_pages(small_report(), path),
    lambda path: lead_jax.rank("digits", ["digits/mlp_random"], ["knn"], out=path),
    lambda path: lead_jax.rank(
      "digits", ["digits/mlp_random"], ["knn"], cache_dir=path
    ),
    lead_jax.read_report,
    FeatureStore,
  ],
)
def test_a_user_that_there_is_not_is_one_line(use):
  with pytest.raises(InputError, match=SAYS):
    use(NOBODY)


def test_the_cache_of_nobody(monkeypatch):
  monkeypatch.setenv("LEAD_JAX_CACHE", NOBODY)
  with pytest.raises(InputError, match=SAYS):
    default_cache_dir()


def test_where_no_home_is_known(monkeypatch):
  def unknown(path):
    raise RuntimeError("Could not determine home directory.")

  monkeypatch.setattr(pathlib.Path, "expanduser", unknown)
  with pytest.raises(
    InputError, match=r"^'~/x': the home folder is not known: set HOME"
  ):
    user_path("~/x")


def test_homes_are_found_in_one_place():
  knowing = {
    path.name
    for path in house.FILES
    for node in ast.walk(house.tree_of(path))
    if isinstance(node, ast.Attribute) and node.attr in ("expanduser", "home")
  }
  assert knowing == {"_paths.py"}
