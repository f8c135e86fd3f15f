"""How commands begin and end, whichever it is."""

import ast
import os
import pathlib
import signal
import subprocess
import sys

import pytest
from absl import flags

from lead_jax.checks import InputError, parameter
from lead_jax.commands import (
  SharedFlags,
  end_well,
  evaluate,
  finetune,
  rank,
  read_flags,
  run_script,
)
from lead_jax.report import write_pages
from tests.report.reports import full_report

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_what_is_wrong_is_one_line_in_flags(capsys):
  def work():
    raise InputError(f"give {parameter('zoo')}, or nothing")

  assert end_well("lead-x", work) == 2
  assert capsys.readouterr().err == "lead-x: give --zoo, or nothing\n"


def test_errors_that_end_nothing_name_flags_too(capsys):
  def work():
    print(InputError(f"needs {parameter('reference')}"))  # the status of a row
    return 7

  assert end_well("lead-x", work) == 7
  assert capsys.readouterr().out == "needs --reference\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_how_to_go_on(number, capsys):
  before = signal.getsignal(signal.SIGTERM)
  kept = signal.signal(signal.SIGINT, signal.default_int_handler)
  try:
    assert end_well("lead-x", lambda: os.kill(os.getpid(), number)) == 130
  finally:
    signal.signal(signal.SIGINT, kept)
  said = "lead-x: interrupted; run the same command again to go on from here\n"
  assert capsys.readouterr().err == said
  assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_goes_away_is_no_traceback():
  code = (
    "import sys; from lead_jax.commands import end_well\n"
    "def work():\n"
    "  for _ in range(10**6):\n"
    "    print('x' * 80)\n"
    "  return 0\n"
    "sys.exit(end_well('lead-x', work))\n"
  )
  with subprocess.Popen(
    [sys.executable, "-c", code],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  ) as process:
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
  assert process.returncode == 1


def test_help_arguments_and_unknown_flags(capsys):
  values = flags.FlagValues()
  SharedFlags(values).seed()
  assert read_flags(values, "What it does.", ["x", "--help"]) is None
  said = capsys.readouterr().out
  assert said.startswith("What it does.\n\nFlags:\n")
  assert "--seed: Seed of every random draw." in said
  assert read_flags(values, "", ["x", "a", "--seed=3"], arguments=1) == ["a"]
  with pytest.raises(InputError, match="unknown argument 'b'; see --help"):
    read_flags(values, "", ["x", "a", "b"], arguments=1)
  with pytest.raises(InputError, match=r"Unknown command line flag 'sed'.*see --help"):
    read_flags(values, "", ["x", "--sed=3"])
  assert run_script(values, "x", "", lambda: "text\n", ["x"]) == 0
  assert capsys.readouterr().out == "text\n"


def test_a_command_line_says_nothing_of_the_next_one():
  values = flags.FlagValues()
  shared = SharedFlags(values)
  seed, overwrite, models = shared.seed(), shared.overwrite(), shared.models()
  option = flags.DEFINE_multi_string("option", [], "Several.", flag_values=values)
  given = ["x", "--seed=3", "--overwrite", "--models=a,b", "--option=c", "--option=d"]
  assert read_flags(values, "", given) == []
  assert (seed.value, overwrite.value, models.value) == (3, True, ["a", "b"])
  assert option.value == ["c", "d"]
  for _ in range(2):
    assert read_flags(values, "", ["x"]) == []
    assert (seed.value, overwrite.value, models.value) == (0, False, None)
    assert option.value == []
    assert not any(values[name].present for name in values)


def test_a_shared_flag_has_one_help_text():
  texts: dict[str, set[str]] = {}
  for command in (rank, finetune, evaluate):
    for name in command.FLAGS:
      own = command is finetune and name in finetune.PROTOCOL_HELP
      if not own:
        texts.setdefault(name, set()).add(command.FLAGS[name].help)
  # Their defaults differ, and --data is a folder of data sets in lead-evaluate.
  different = {name for name, found in texts.items() if len(found) > 1}
  assert different == {"data", "metrics", "models", "out"}


SHARED = ("zoo", "cache_dir", "weights_dir", "check_weights", "seed", "overwrite")


@pytest.mark.parametrize(
  "path",
  sorted(
    str(path.relative_to(ROOT))
    for folder in ("experiments", "lead_jax/commands")
    for path in (ROOT / folder).rglob("*.py")
    if path.name not in ("_flags.py", "pretrain_digits.py")  # absl's own flags
  ),
)
def test_no_script_defines_a_shared_flag_anew(path):
  for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
    if isinstance(node, ast.Call) and node.args:
      defined = getattr(node.func, "attr", "").startswith("DEFINE_")
      name = getattr(node.args[0], "value", None)
      assert not (defined and name in SHARED), f"--{name}: take SharedFlags"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_traceback(closed, tmp_path):
  full = tmp_path / "run"
  write_pages(full_report(), full)
  code = "from lead_jax.commands.rank import run; run()"
  done = subprocess.run(
    f'"{sys.executable}" -c "{code}" compare "{full}" "{full}" {closed}',
    shell=True,
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0
  assert done.stderr == ""
