"""The pages name what exists, and leave nothing out."""

import importlib
import re

import pytest

import lead_jax
from tests.docs.pages import PAGES, ROOT, blocks_of, extension, folder_of, text_of

API = sorted((ROOT / "docs" / "api").glob("*.md"))
PACKAGE = ROOT / "lead_jax"
# Groups of entry points, which are no packages.
GROUPS = {"lead_jax.backbones", "lead_jax.datasets", "lead_jax.metrics"}


def _without_blocks(text: str) -> str:
  return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def test_methods_has_every_metric():
  headings = re.findall(r"^### (.*)$", text_of("methods"), flags=re.MULTILINE)
  named = [name for heading in headings for name in re.findall(r"`(\w+)`", heading)]
  assert sorted(named) == sorted(lead_jax.METRICS)


@pytest.mark.parametrize("page", PAGES)
def test_names_of_ours_exist(page):
  names = set(re.findall(r"`(lead_jax(?:\.\w+)+)[`(]", text_of(page)))
  for name in names - GROUPS:
    assert "._" not in name.replace(".__version__", ""), f"{page}: {name} is private"
    assert _exists(name), f"{page}: {name}"


@pytest.mark.parametrize("page", PAGES)
def test_examples_import_what_is_promised(page):
  for block in blocks_of(page, text_of(page)):
    private = re.search(r"(?:from|import) lead_jax[\w.]*\._", block.code)
    assert not private, f"{block.place}: {private}"


def _exists(name: str) -> bool:
  """Whether a dotted name is a package, or something that a package promises."""
  module, _, last = name.rpartition(".")
  try:
    importlib.import_module(name)
  except ModuleNotFoundError:
    return hasattr(importlib.import_module(module), last)
  return True


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(page):
  folder = folder_of(page)
  for link in re.findall(
    r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", _without_blocks(text_of(page))
  ):
    assert (folder / link).exists(), f"{page}: {link}"


def test_the_readme_is_short_and_has_the_two_commands():
  text = text_of("README")
  assert len(text.encode()) <= 8192
  assert re.search(r"^make rank\b.*\nmake test\b", text, flags=re.MULTILINE)


def test_the_rows_of_the_readme_are_those_of_the_findings():
  rows = text_of("README").split("<!-- six -->")[1].split("<!-- /six -->")[0]
  table = text_of("findings").split("<!-- evidence -->")[1]
  found = {}
  for line in table.split("<!-- /evidence -->")[0].splitlines():
    cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
    found[cells[0]] = cells[1:4]
  shown = [line.strip("|").split("|") for line in rows.strip().splitlines()[2:]]
  assert len(shown) == 6
  for name, *numbers in shown:
    key = re.search(r"`([^`]+)`", name)[1]
    assert [number.strip() for number in numbers] == found[key], key


@pytest.mark.parametrize("page", PAGES)
def test_no_page_speaks_of_the_machine_that_made_it(page):
  found = re.search(r"\.\./shared|(?<![\w.])/(?:work|tmp|home|root)/", text_of(page))
  assert not found, found


def test_the_rooms_of_the_contributing_page_are_those_of_the_package():
  rooms = re.findall(r"^\| `([a-z]+)/` \|", text_of("CONTRIBUTING"), flags=re.MULTILINE)
  assert sorted(rooms) == sorted(
    path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()
  )


def test_the_api_has_a_page_for_every_face_and_for_nothing_else():
  text = "\n".join(path.read_text("utf-8") for path in API)
  described = re.findall(r"^\.\. face:: (\S+)$", text, flags=re.MULTILINE)
  assert sorted(described) == sorted(extension("faces").faces())
  assert not re.findall(r"^\.\. auto", text, flags=re.MULTILINE)


def test_a_face_read_from_its_file_is_the_package_s_own():
  for package, names in extension("faces").faces().items():
    assert sorted(names) == sorted(importlib.import_module(package).__all__), package


def test_a_name_is_described_once_and_found_by_every_spelling():
  homes = extension("faces").homes()
  assert homes["lead_jax.metrics.score"] == "lead_jax.score"
  assert homes["lead_jax.metrics._lookup.score"] == "lead_jax.score"
  assert homes["lead_jax.ntk.head_kernel"] == "lead_jax.ntk.head_kernel"
  assert set(homes.values()) == {homes[name] for name in homes.values()}


def test_a_promised_constant_is_described_by_the_comment_above_it():
  comment_of = extension("faces").comment_of
  module = extension("faces").faces()["lead_jax.run"]["STATIC"]
  (line,) = comment_of(module, "STATIC")
  assert line == "Rankings that never look at the target."
  assert comment_of("lead_jax.version", "__version__") == []
