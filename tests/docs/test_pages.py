"""Every block of every page runs, or says why not; what is shown is what is printed."""

import collections
import contextlib
import csv
import io
import json
import tomllib
import warnings

import jax
import pytest

from tests.docs import commands
from tests.docs.folder import make_folder
from tests.docs.outputs import differences
from tests.docs.pages import LANGUAGES, PAGES, REASONS, blocks_of, text_of

# Blocks that are not executed, by page and reason: see the end of docs/extending.md. Their
# commands are read all the same.
NOT_RUN = {
  "benchmarks": {"long": 6},
  "datasets": {"setup": 1},
  "digits_zoo": {"long": 1},
  "evaluation": {"long": 2},
  "figures": {"long": 2},
  "finetuning": {"long": 2},
  "installation": {"setup": 2},
  "low_data": {"long": 1},
  "mutation": {"long": 2},
  "networks": {"download": 1},
  "own_models": {"download": 1, "torch": 1},
  "quickstart": {"download": 1, "long": 2, "setup": 1},
  "reproduce": {"data": 1},
  "reliability": {"long": 2},
  "timm": {"long": 1},
  "README": {"download": 1, "setup": 2},
  "CONTRIBUTING": {"setup": 1},
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
  """One store for all pages: what two of them compute is computed once."""
  return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(tmp_path, monkeypatch, cache):
  """A fresh folder as the pages describe it; the current one while a page is run."""
  make_folder(tmp_path)
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv("LEAD_JAX_CACHE", str(cache))
  compiled = jax.config.jax_compilation_cache_dir
  yield tmp_path
  jax.config.update("jax_compilation_cache_dir", compiled)


def _printed(block, names) -> str:
  code = "\n" * (block.line - 1) + block.code  # tracebacks then show the page's line
  out = io.StringIO()
  with contextlib.redirect_stdout(out), warnings.catch_warnings():
    if block.reason == "torch":
      warnings.simplefilter("ignore")  # its own
    exec(compile(code, block.place, "exec"), names)
  return out.getvalue()


@pytest.mark.parametrize("page", PAGES)
def test_page(page, folder, monkeypatch):
  names: dict = {"__name__": page}
  for block in blocks_of(page, text_of(page)):
    printed = ""
    if block.language == "json":
      json.loads(block.code)
    elif block.language == "toml":
      tomllib.loads(block.code)
    elif block.language == "csv":
      assert len({len(row) for row in csv.reader(io.StringIO(block.code))}) == 1
    elif block.language == "python" and block.reason in ("", "torch"):
      if block.reason == "torch" and not _has_torch():
        continue
      printed = _printed(block, names)
    elif block.language == "bash":
      for words in commands.commands_of(block):
        if block.reason:
          commands.check(words)
        else:
          printed += commands.execute(words, monkeypatch)
    if block.output is not None and not (block.reason and block.language == "bash"):
      wrong = differences(block.output, printed)
      assert not wrong, f"{block.place}: {wrong}"


def _has_torch() -> bool:
  try:
    import torch  # noqa: F401
  except ImportError:
    return False
  return True


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_says_what_it_holds(page):
  for block in blocks_of(page, text_of(page)):
    assert block.language in LANGUAGES, f"{block.place}: {block.language!r}"
    assert block.reason in REASONS | {""}, f"{block.place}: {block.reason!r}"
    if block.reason:
      known = {"bash": REASONS - {"torch"}, "python": {"torch"}}
      assert block.reason in known.get(block.language, ()), block.place


def test_what_is_not_run():
  found = {}
  for page in PAGES:
    reasons = [block.reason for block in blocks_of(page, text_of(page)) if block.reason]
    if reasons:
      found[page] = dict(collections.Counter(reasons))
  assert found == NOT_RUN
