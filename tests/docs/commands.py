"""The commands of the pages, in this process: executed, or only read."""

import contextlib
import importlib
import io
import pathlib
import re
import shlex
import sys

from absl import flags

from lead_jax.backbones._resolve import resolve_models
from lead_jax.commands import rank as cli
from lead_jax.run import _preflight as preflight
from tests.docs.pages import ROOT, Block

# Programs that are not ours: their arguments are their own.
FOREIGN = {"pip", "tfds", "tar", "git", "pytest"}


def commands_of(block: Block) -> list[list[str]]:
  """Splits a block of shell into commands, each a list of words; comments are dropped."""
  found: list[list[str]] = []
  for line in block.code.replace("\\\n", " ").splitlines():
    words = shlex.split(line, comments=True)
    while "&&" in words:
      cut = words.index("&&")
      found.append(words[:cut])
      words = words[cut + 1 :]
    found.append(words)
  return [words for words in found if words]


def execute(words: list[str], monkeypatch) -> str:
  """Runs a command of ours; returns what it printed.

  Raises:
    AssertionError: If it ends with another code than 0; the message has its stderr.
  """
  words, target = _redirected(words)
  out, err = io.StringIO(), io.StringIO()
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    code = _run(words, monkeypatch)
  assert code == 0, f"{shlex.join(words)} ended with {code}:\n{err.getvalue()}"
  if target:
    pathlib.Path(target).write_text(out.getvalue())
    return ""
  return out.getvalue()


def check(words: list[str]) -> None:
  """Reads a command without running it.

  Raises:
    AssertionError: If there is no such program, script or target.
    flags.Error, InputError: If a flag is unknown or its value is not possible.
  """
  words, _ = _redirected(words)
  program = pathlib.PurePath(words[0]).name
  if program == "make":
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in words[1:]:
      assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target
  elif program == "lead-rank":
    _check_rank([word for word in words if word != "..."])
  elif program in ("lead-finetune", "lead-evaluate"):
    module = f"lead_jax.commands.{program.removeprefix('lead-')}"
    _check_flags(importlib.import_module(module).FLAGS, words)
  elif program == "python":
    assert words[1] == "-m", words
    if words[2] not in FOREIGN:
      _, values = _script(words[2])
      _check_flags(values, words[2:])
  else:
    assert program in FOREIGN, f"unknown program {program!r}"


def _redirected(words: list[str]) -> tuple[list[str], str]:
  return (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, "")


def _run(words: list[str], monkeypatch) -> int:
  program = pathlib.PurePath(words[0]).name
  if program == "lead-rank":
    monkeypatch.setattr(sys, "argv", words)
    _fresh(cli.FLAGS)
    try:
      cli.run()
    except SystemExit as stop:
      return stop.code
    return 0
  assert (program, words[1]) == ("python", "-m"), f"not ours to run: {words}"
  module, values = _script(words[2])
  _fresh(values)
  return module.run(words[2:])


def _script(name: str):
  """Returns a script's module and its own flags."""
  assert name.startswith("experiments."), name
  package = ROOT.joinpath(*name.split("."))
  main = f"{name}.__main__" if package.is_dir() else name
  module = importlib.import_module(main)
  if values := getattr(module, "FLAGS", None):
    return module, values
  values = flags.FlagValues()  # of those that it defined for the whole process
  for flag in flags.FLAGS.flags_by_module_dict().get(main, []):
    values[flag.name] = flag
  return module, values


def _check_flags(values: flags.FlagValues, words: list[str]) -> None:
  """Reads a command's flags; `lead-finetune` takes a data set beside them."""
  _fresh(values)
  rest = values([word for word in words if word != "..."])
  _fresh(values)
  most = 2 if words[0] == "lead-finetune" else 1
  assert len(rest) <= most, f"unknown arguments {rest[1:]}"


def _check_rank(words: list[str]) -> None:
  _fresh(cli.FLAGS)
  rest = cli.FLAGS(words)
  assert len(rest) <= 2, f"one data set at a time, got {rest[1:]}"
  values = {name: cli.FLAGS[name].value for name in cli.FLAGS}
  _fresh(cli.FLAGS)
  chosen = preflight.chosen_metrics(values["metrics"], reference=values["reference"])
  preflight.checked_options(chosen, cli.parse_options(values["option"]))
  zoo = (
    values["zoo"] if values["zoo"] and pathlib.Path(values["zoo"]).exists() else None
  )
  models = [name for name in values["models"] or [] if not name.startswith("timm/")]
  if models and not (values["zoo"] and zoo is None):
    resolve_models(models, zoo)


def _fresh(values: flags.FlagValues) -> None:
  values.unparse_flags()
  for name in values:
    values[name].unparse()
