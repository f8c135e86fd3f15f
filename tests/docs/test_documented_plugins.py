"""The plug-ins of `docs/extending.md`, installed as the page says, do what it says."""

import importlib
import sys

import jax
import pytest

from tests.docs import commands
from tests.docs.folder import make_folder
from tests.docs.pages import Block, blocks_of, text_of

# What of the page goes into the modules that its entry points name.
MODULES = {"metrics": "MARGIN", "data": "load_manifest", "models": "find_model"}


@pytest.fixture
def installed(tmp_path, monkeypatch):
  """The page's code in `my_package`, its entry points in a distribution."""
  make_folder(tmp_path)
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.setenv("LEAD_JAX_CACHE", str(tmp_path / "cache"))
  blocks = blocks_of("extending", text_of("extending"))
  (entries,) = (
    block.code
    for block in blocks
    if block.language == "toml" and "entry-points" in block.code
  )
  names: dict = {"__name__": "all_of_the_page"}
  for block in blocks:
    if block.language == "python":
      exec(compile(block.code, block.place, "exec"), names)
  package = tmp_path / "my_package"
  package.mkdir()
  (package / "__init__.py").write_text("")
  monkeypatch.setitem(sys.modules, "all_of_the_page", _module(names))
  for module, name in MODULES.items():
    text = f"from all_of_the_page import {name}\n"
    (package / f"{module}.py").write_text(text)
  info = tmp_path / "my_package-1.0.dist-info"
  info.mkdir()
  text = entries.replace('[project.entry-points."', "[").replace('"]', "]")
  (info / "entry_points.txt").write_text(text.replace('"', ""))
  (info / "METADATA").write_text("Name: my_package\nVersion: 1.0\n")
  importlib.invalidate_caches()
  compiled = jax.config.jax_compilation_cache_dir
  yield
  jax.config.update("jax_compilation_cache_dir", compiled)
  for name in [name for name in sys.modules if name.startswith("my_package")]:
    del sys.modules[name]


def _module(names):
  module = type(sys)("all_of_the_page")
  vars(module).update(names)
  return module


def _run(command, monkeypatch) -> str:
  (words,) = commands.commands_of(Block("extending", 1, "bash", "", command))
  return commands.execute(words, monkeypatch)


@pytest.mark.usefixtures("installed")
def test_the_documented_plugins_run(monkeypatch):
  (command,) = (
    part
    for part in text_of("extending").split("`")
    if part.startswith("lead-rank manifest:")
  )
  printed = _run(command, monkeypatch)
  assert "mine/small_flax" in printed
  assert "margin" in printed
  assert "my_package 1.0" in _run("lead-rank metrics", monkeypatch)
  listed = _run("lead-rank models", monkeypatch)
  assert "mine/NAME is a model of the plug-in my_package 1.0." in listed
