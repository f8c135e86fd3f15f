"""Metadata: complete, and the same in every file that states it."""

import importlib
import re
import runpy
import sys
import types

import pytest
import yaml

import lead_jax
from tests.packaging.project import METADATA, PROJECT, ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
PACKAGE = ROOT / "lead_jax"


@pytest.fixture
def given(monkeypatch):
  """What `setup.py` gives to setuptools, which need not be installed to run tests."""
  options = {}
  stand_in = types.SimpleNamespace(setup=lambda **given: options.update(given))
  monkeypatch.setitem(sys.modules, "setuptools", stand_in)
  runpy.run_path(str(ROOT / "setup.py"), run_name="__main__")
  return options


def test_what_an_index_shows_is_there():
  for field in (
    "authors",
    "classifiers",
    "description",
    "keywords",
    "license",
    "urls",
  ):
    assert METADATA[field], field
  assert METADATA["requires-python"] == ">=3.11,<3.14"
  minors = re.findall(r"Python :: 3\.(\d+)", "\n".join(METADATA["classifiers"]))
  assert minors == ["11", "12", "13"]


def test_it_agrees_with_the_citation():
  authors = [{"name": author["name"]} for author in CITATION["authors"]]
  assert METADATA["authors"] == authors
  assert METADATA["license"] == CITATION["license"]
  name, _, description = CITATION["title"].partition(": ")
  assert METADATA["name"] == name
  assert METADATA["description"].lower() == description.lower()
  assert CITATION["version"] == lead_jax.__version__


def test_the_version_is_the_packages_own(given):
  assert METADATA["dynamic"] == ["readme", "version"]
  assert PROJECT["tool"]["setuptools"]["dynamic"] == {
    "version": {"attr": "lead_jax.version.__version__"}
  }
  assert "version" not in given


def test_the_changelog_has_the_version():
  text = (ROOT / "CHANGELOG.md").read_text("utf-8")
  sections = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
  assert sections[0] == "Unreleased"
  assert sections[1] == lead_jax.__version__


def test_the_long_description_has_no_relative_link(given):
  assert given["long_description_content_type"] == "text/markdown"
  text = given["long_description"]
  links = re.findall(r"""(?:\]\(|\b(?:src|href)=")([^)"\s]+)""", text)
  source = METADATA["urls"]["Source"]
  within = [link for link in links if link.startswith(source)]
  assert within, "the README links into the repository"
  for link in links:
    assert re.match(r"https?://|mailto:|#", link), link
  for link in within:
    found = re.fullmatch(rf"{re.escape(source)}/(raw|blob)/main/([^#]+)(#.*)?", link)
    assert found, link
    assert (ROOT / found[2]).exists(), link
    assert (found[1] == "raw") == (found[2].endswith(".png")), link


def test_absolute_links_and_text_stay_as_they_are(given):
  # What is not a link of the README is the README.
  readme = (ROOT / "README.md").read_text("utf-8")
  source = re.escape(METADATA["urls"]["Source"])
  undone = re.sub(rf"{source}/(?:raw|blob)/main/", "", given["long_description"])
  assert undone == re.sub(rf"{source}/(?:raw|blob)/main/", "", readme)


@pytest.mark.parametrize("command", sorted(METADATA["scripts"]))
def test_every_command_is_there(command):
  module, _, function = METADATA["scripts"][command].partition(":")
  assert callable(getattr(importlib.import_module(module), function))


def test_every_file_of_the_package_is_shipped():
  patterns = PROJECT["tool"]["setuptools"]["package-data"]
  shipped = {
    path
    for package, globs in patterns.items()
    for folder in _folders(package)
    for pattern in globs
    for path in folder.glob(pattern)
  }
  there = {
    path
    for path in PACKAGE.rglob("*")
    if path.is_file() and path.suffix not in (".py", ".pyc")
  }
  assert shipped == there
  assert PACKAGE / "py.typed" in shipped
  unused = {
    (package, pattern)
    for package, globs in patterns.items()
    for pattern in globs
    if not any(list(folder.glob(pattern)) for folder in _folders(package))
  }
  assert not unused


def _folders(package):
  if package == "*":
    return [path.parent for path in PACKAGE.rglob("__init__.py")]
  return [ROOT.joinpath(*package.split("."))]


def test_only_the_package_is_installed():
  find = PROJECT["tool"]["setuptools"]["packages"]["find"]
  assert find == {"include": ["lead_jax", "lead_jax.*"]}
