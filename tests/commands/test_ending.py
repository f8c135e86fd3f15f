"""How commands begin and end, whichever it is."""

import ast
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from absl import flags

import lead_jax
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


STOPS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), STOPS)
def test_an_interrupt_says_how_to_go_on(number, code, capsys):
  kept = signal.signal(signal.SIGINT, signal.default_int_handler)
  before = signal.getsignal(number)
  try:
    assert end_well("lead-x", lambda: os.kill(os.getpid(), number)) == code
    assert signal.getsignal(number) is before
  finally:
    signal.signal(signal.SIGINT, kept)
  said = "lead-x: interrupted; run the same command again to go on from here\n"
  assert capsys.readouterr().err == said


# Concludes for as long as stdin is open when the first signal has come.
STOPPED = """
import os, signal, sys, time
from lead_jax.commands import end_well
def work():
  try:
    print("begun", flush=True)
    time.sleep(60)
  except KeyboardInterrupt:
    print("concluding", flush=True)
    sys.stdin.read()
    print("concluded", flush=True)
    raise
sys.exit(end_well("lead-x", work))
"""


def _stopped(*, ignored=None):
  """A process whose work has begun."""
  before = "" if ignored is None else f"trap '' {ignored}; "
  process = subprocess.Popen(
    ["sh", "-c", f'{before}exec "$0" -c "$1"', sys.executable, STOPPED],
    cwd=ROOT,
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  assert process.stdout.readline() == "begun\n"
  return process


def test_a_signal_that_comes_twice_at_once_is_one():
  """GNU `timeout` sends it to the process and to its group."""
  with _stopped() as process:
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "concluding\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate("")
  assert out == "concluded\n"
  assert err.startswith("lead-x: interrupted;")
  assert process.returncode == 143


def test_a_second_signal_ends_at_once():
  with _stopped() as process:
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "concluding\n"
    time.sleep(0.7)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    assert process.stdout.read() == ""


SWALLOWED = """
import os, signal, sys, time
from lead_jax.commands import end_well
class Heavy:
  def __del__(self):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0)
def work():
  Heavy()  # Python ignores what is raised while it goes
  print("on", flush=True)
  for _ in range(200):
    time.sleep(0.1)
  return 0
sys.exit(end_well("lead-x", work))
"""


def test_a_signal_that_python_swallows_comes_again():
  done = subprocess.run(
    [sys.executable, "-c", SWALLOWED], cwd=ROOT, capture_output=True, text=True
  )
  said = "lead-x: interrupted; run the same command again to go on from here\n"
  assert (done.returncode, done.stdout, done.stderr) == (143, "on\n", said)


IMPORTING = """
import os, signal, sys, time
from lead_jax.commands import end_well
def work():
  import slow
  print(slow.whole, flush=True)
  time.sleep(60)
sys.exit(end_well("lead-x", work))
"""


def test_a_signal_waits_for_an_import(tmp_path):
  """Torn apart, the import of a library in C may crash the process."""
  (tmp_path / "slow.py").write_text(
    "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0.3)\n"
    "whole = 'imported'\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", IMPORTING],
    cwd=ROOT,
    env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
    capture_output=True,
    text=True,
  )
  assert (done.returncode, done.stdout) == (143, "imported\n"), done.stderr
  assert done.stderr.startswith("lead-x: interrupted;")


def test_what_nohup_has_ignored_stays_ignored():
  with _stopped(ignored="HUP") as process:
    process.send_signal(signal.SIGHUP)
    time.sleep(0.1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate("")
    assert process.returncode == 143


def test_python_callers_keep_their_handlers(monkeypatch, tmp_path):
  set_here = []
  monkeypatch.setattr(signal, "signal", lambda *what: set_here.append(what))
  lead_jax.rank(
    models=["digits/mlp_supervised"], metrics="knn", cache_dir=tmp_path, resamples=0
  )
  assert set_here == []


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


@pytest.fixture(scope="module")
def written(tmp_path_factory):
  folder = tmp_path_factory.mktemp("report") / "run"
  write_pages(full_report(), folder)
  return folder


COMPARE = "from lead_jax.commands.rank import run; run()"


@pytest.mark.parametrize(
  ("redirected", "code", "said"),
  [
    (">&-", 0, ""),
    ("2>&-", 0, ""),
    (">&- 2>&-", 0, ""),
    (
      ">/dev/full",
      2,
      "lead-rank: cannot write to stdout (No space left on device): send it elsewhere\n",
    ),
    (">/dev/full 2>/dev/full", 2, ""),
    ("2>/dev/full", 0, ""),
  ],
)
def test_a_stream_that_takes_nothing_is_no_traceback(redirected, code, said, written):
  if "full" in redirected and not pathlib.Path("/dev/full").exists():
    pytest.skip("this system has no /dev/full")
  done = subprocess.run(
    f'"{sys.executable}" -c "{COMPARE}" compare "{written}" "{written}" {redirected}',
    shell=True,
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.parametrize("module", ["rank", "finetune", "evaluate"])
def test_help_for_a_reader_that_goes_away(module):
  code = f"from lead_jax.commands.{module} import run; run()"
  read, write = os.pipe()
  os.close(read)
  try:
    done = subprocess.run(
      [sys.executable, "-c", code, "--help"],
      cwd=ROOT,
      stdout=write,
      stderr=subprocess.PIPE,
      text=True,
    )
  finally:
    os.close(write)
  assert (done.returncode, done.stderr) == (1, "")


def test_a_message_is_one_line_whatever_it_quotes(capsys):
  def work():
    raise InputError("model '\x1b]0;title\x07\x1b[2J\nb' is not there")

  assert end_well("lead-x", work) == 2
  assert capsys.readouterr().err == "lead-x: model ' ]0;title [2J b' is not there\n"
