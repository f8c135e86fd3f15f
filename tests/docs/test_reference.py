"""The pages name what exists, and leave nothing out."""

import importlib
import re

import pytest

import lead_jax
from tests.docs.pages import PAGES, ROOT, text_of

API = sorted((ROOT / "docs" / "api").glob("*.md"))
PACKAGE = ROOT / "lead_jax"


def _without_blocks(text: str) -> str:
  return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def test_methods_has_every_metric():
  headings = re.findall(r"^### (.*)$", text_of("methods"), flags=re.MULTILINE)
  named = [name for heading in headings for name in re.findall(r"`(\w+)`", heading)]
  assert sorted(named) == sorted(lead_jax.METRICS)


@pytest.mark.parametrize("page", PAGES)
def test_names_of_ours_exist(page):
  for name in set(re.findall(r"`(lead_jax(?:\.\w+)+)[`(]", text_of(page))):
    assert _exists(name), f"{page}: {name}"


def _exists(name: str) -> bool:
  """Whether a dotted name is a module, or something in the module before its last dot."""
  module, _, last = name.rpartition(".")
  try:
    importlib.import_module(name)
  except ModuleNotFoundError:
    return hasattr(importlib.import_module(module), last)
  return True


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(page):
  folder = ROOT if page == "README" else ROOT / "docs"
  for link in re.findall(
    r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", _without_blocks(text_of(page))
  ):
    assert (folder / link).exists(), f"{page}: {link}"


def test_the_rooms_of_the_readme_exist():
  rooms = re.findall(
    r"^\| ((?:`[a-z_./]+`(?:, )?)+) \|", text_of("README"), flags=re.MULTILINE
  )
  assert rooms
  for name in re.findall(r"`([a-z_./]+)`", " ".join(rooms)):
    if name.endswith((".py", "/")):
      assert (PACKAGE / name).exists(), name


def test_the_api_has_every_public_name_and_every_module():
  text = "\n".join(path.read_text("utf-8") for path in API)
  public = re.findall(r"(?:auto\w+|py:data):: (\w+)$", text, flags=re.MULTILINE)
  assert sorted(public) == sorted(lead_jax.__all__)
  described = re.findall(r"automodule:: (\S+)$", text, flags=re.MULTILINE)
  assert len(described) == len(set(described))
  modules = set()
  for path in PACKAGE.rglob("*.py"):
    parts = path.relative_to(ROOT).with_suffix("").parts
    modules.add(".".join(part for part in parts if part != "__init__"))
  modules.remove("lead_jax")  # its names have a page of their own
  assert modules - set(described) == set(), "add them to a page of docs/api/"
  assert set(described) - modules == set(), "take them off their page of docs/api/"
