"""Ranges, pins and extras say one thing; what is heavy is no dependency."""

import ast
import sys

import pytest

from tests import house
from tests.packaging.project import (
  EXTRAS,
  METADATA,
  ROOT,
  names_of,
  pins,
  requirements_of,
)

EIGHT = {
  "absl-py",
  "flax",
  "jax",
  "jaxlib",
  "neural-tangents",
  "numpy",
  "optax",
  "tensorflow-datasets",
}
PINNED = pins("requirements.txt")
DEV = pins("requirements-dev.txt")
TORCH = pins("requirements-torch.txt")
HEAVY = {"matplotlib", "neural-tangents", "scikit-learn", "tensorflow", "torch"}
# Where the name of a module is not that of its package.
PACKAGES = {"PIL": "pillow", "absl": "absl-py", "orbax": "orbax-checkpoint"}


def test_the_eight_packages_are_pinned_and_in_all():
  assert set(PINNED) >= EIGHT
  assert names_of(METADATA["dependencies"]) | names_of(EXTRAS["all"]) >= EIGHT


def test_the_core_has_nothing_heavy():
  core = names_of(METADATA["dependencies"])
  assert not core & HEAVY
  assert "tensorflow" not in names_of(EXTRAS["tfds"])


def test_extras_are_those_that_the_documentation_names():
  page = (ROOT / "docs" / "installation.md").read_text("utf-8")
  assert set(EXTRAS) == {
    "all",
    "dev",
    "docs",
    "figures",
    "heif",
    "ntk",
    "tensorflow",
    "tfds",
    "torch",
  }
  for extra in EXTRAS:
    assert f"`[{extra}]`" in page, extra
  rest = set(EXTRAS) - {"all", "dev", "docs"}
  assert names_of(EXTRAS["all"]) == set().union(*(names_of(EXTRAS[e]) for e in rest))


@pytest.mark.parametrize("group", ["dependencies", *sorted(EXTRAS)])
def test_what_was_tested_is_within_the_ranges(group):
  lines = METADATA["dependencies"] if group == "dependencies" else EXTRAS[group]
  tested = TORCH | DEV | PINNED
  for requirement in requirements_of(lines):
    (version,) = (
      v for name, v in tested.items() if {name} == names_of([str(requirement)])
    )
    assert requirement.specifier.contains(version), f"{requirement}, pinned {version}"


def test_nothing_is_pinned_twice_or_without_a_use():
  assert not set(PINNED) & set(DEV)
  ranges = names_of(METADATA["dependencies"])
  for lines in EXTRAS.values():
    ranges |= names_of(lines)
  # neural-tangents' own need, pinned since it is installed without its metadata too.
  assert set(PINNED) | set(DEV) | set(TORCH) == ranges | {"frozendict"}


def test_every_import_of_the_package_is_a_dependency_or_asked_for_by_name():
  found = set()
  for path in house.FILES:
    found |= {module.split(".")[0] for module, _ in house.imported(path)}
  found -= {"lead_jax", *sys.stdlib_module_names}
  core = names_of(METADATA["dependencies"])
  named = {PACKAGES.get(module, module).replace("_", "-") for module in found}
  # Imported only where an extra that brings them has been asked for before.
  assert named - core == {"google", "huggingface-hub", "matplotlib", "torch"}


def test_what_is_asked_for_by_name_is_in_that_extra():
  packages = {"google_crc32c": "google-crc32c", "sklearn": "scikit-learn"}
  asked = [
    node
    for path in [*house.FILES, *(ROOT / "experiments").rglob("*.py")]
    for node in ast.walk(house.tree_of(path))
    if isinstance(node, ast.Call)
    and isinstance(node.func, ast.Name)
    and node.func.id == "need"
  ]
  assert len(asked) >= 6
  for call in asked:
    extra = next(k.value for k in call.keywords if k.arg == "extra")
    assert isinstance(extra, ast.Constant)
    if isinstance(call.args[0], ast.Constant):
      module = call.args[0].value.split(".")[0]
      name = packages.get(module, module.replace("_", "-"))
      assert name in names_of(EXTRAS[extra.value]), module
    else:
      assert extra.value in EXTRAS
