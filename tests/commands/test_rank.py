"""`lead-rank` as a person meets it: exit codes, one line a mistake, table, files."""

import contextlib
import csv
import errno
import io
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image

from lead_jax import metrics
from lead_jax.checks import csv_text
from lead_jax.checks._errors import InputError
from lead_jax.commands import rank as cli, read_flags
from lead_jax.commands._stdout import terminal
from lead_jax.metrics import DEFAULT_METRICS, METRICS
from tests.report.reports import full_report

ROOT = pathlib.Path(__file__).resolve().parents[2]

FAST = [
  "--metrics=lead,knn",
  "--option=lead.hidden=(16,)",
  "--option=lead.head_seeds=1",
]
MODELS = "--models=digits/mlp_random,digits/mlp_supervised"


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
  """Runs the command in this process; returns exit code, stdout and stderr."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv("LEAD_JAX_CACHE", str(tmp_path / "cache"))
  kept = jax.config.jax_compilation_cache_dir

  def run(*arguments):
    monkeypatch.setattr(sys, "argv", ["lead-rank", *arguments])
    with pytest.raises(SystemExit) as stop:
      cli.run()
    out, err = capsys.readouterr()
    return stop.value.code, out, err

  yield run
  jax.config.update("jax_compilation_cache_dir", kept)


def test_the_bundled_zoo(command, tmp_path):
  code, out, err = command(MODELS, *FAST)
  assert code == 0, err
  assert "digits/mlp_supervised" in out
  assert "fine-tuned %" in out
  assert "tau" in out
  assert "Data: digits, 536 images of 5 classes (split: train)" in err
  assert "[2/2] digits/mlp_supervised: features in" in err
  assert "\x1b" not in out + err
  report = json.loads((tmp_path / "runs" / "digits" / "report.json").read_text())
  assert report["complete"]
  again, _, err = command(MODELS, *FAST)
  assert again == 0
  assert err.count("scores from the store") == 2


def test_formats_are_what_was_written_and_nothing_else(command, tmp_path):
  arguments = (MODELS, "--metrics=feature_norm", "--resamples=0")
  folder = tmp_path / "runs" / "digits"
  for form, file in (
    ("json", "report.json"),
    ("csv", "scores.csv"),
    ("md", "report.md"),
  ):
    code, out, err = command(*arguments, f"--format={form}")
    assert code == 0, err
    assert out == (folder / file).read_text()
    assert "Report: runs/digits/report.html" in err
    assert "[2/2]" in err
  code, out, err = command(*arguments)
  assert (
    out.rstrip().splitlines()[-1].startswith("Report: runs/digits/report.html (and ")
  )
  assert "Next: Fine-tune digits/" in out
  step = next(line for line in out.splitlines() if "lead-finetune" in line)
  assert "lead-finetune digits --models=digits/" in step
  assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
  assert r"\begin{table}" in (folder / "report.tex").read_text()


def test_colour_is_for_terminals_that_want_it(monkeypatch):
  class Terminal:
    def isatty(self):
      return True

  monkeypatch.setattr(sys, "stdout", Terminal())
  monkeypatch.delenv("NO_COLOR", raising=False)
  assert terminal()[1]
  monkeypatch.setenv("NO_COLOR", "1")
  assert not terminal()[1]
  monkeypatch.setenv("NO_COLOR", "")
  assert terminal()[1]


def test_what_stdout_cannot_encode_is_no_crash(command, monkeypatch, tmp_path):
  arguments = (MODELS, "--metrics=feature_norm", "--resamples=0")
  for form in ("table", "md"):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="latin-1"))
    code, _, err = command(*arguments, f"--format={form}")
    assert code == 0, err
    printed = buffer.getvalue()
    assert b"digits/mlp_supervised" in printed
    assert form == "md" or (b"-----" in printed and b"?" not in printed)
  # The file, byte for byte.
  assert printed == (tmp_path / "runs" / "digits" / "report.md").read_bytes()
  assert not printed.isascii()


def test_warnings_are_on_a_terminal_once(monkeypatch, capsys, tmp_path):
  read_flags(cli.FLAGS, "", ["lead-rank"])
  monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
  for live in (True, False):
    monkeypatch.setattr(sys.stderr, "isatty", lambda seen=live: seen)
    cli._show(full_report(metrics=2), tmp_path)
    assert ("warning: mind" in capsys.readouterr().out) != live


def test_a_folder_with_odd_images_and_a_broken_model(command, tmp_path):
  rng = np.random.default_rng(0)
  for name in ("cats", "dogs"):
    (tmp_path / "photos" / name).mkdir(parents=True)
    for i in range(6):
      pixels = rng.integers(0, 256, (9, 7, 3), np.uint8)
      Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
  (tmp_path / "photos" / "cats" / "bad.jpg").write_bytes(b"no image")
  (tmp_path / "cut.onnx").write_bytes(b"\x08\x07\x12")
  entry = {
    "name": "cut",
    "file": "cut.onnx",
    "sha256": "0" * 64,
    "input": {
      "height": 8,
      "width": 8,
      "channels": "rgb",
      "mean": [0, 0, 0],
      "std": [1, 1, 1],
      "layout": "NCHW",
    },
  }
  (tmp_path / "zoo.json").write_text(json.dumps({"models": [entry]}))
  code, out, err = command(
    "photos",
    "--zoo=zoo.json",
    "--models=cut,digits/mlp_random",
    "--metrics=knn",
    "--out=out",
  )
  assert code == 2
  assert "1 file was left out: " in err
  assert "bad.jpg" in err
  reason = next(line for line in err.splitlines() if line.startswith("[1/2] cut: "))
  assert reason.startswith("[1/2] cut: failed: ")
  assert "cut.onnx" in reason
  assert "1 of 2 models could not be scored" in err.strip().splitlines()[-1]
  assert "failed" in out
  rows = (tmp_path / "out" / "scores.csv").read_text().splitlines()
  assert rows[2].startswith("digits/mlp_random,knn,0.")


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["nowhere"], "nowhere"),
    (["one", "two"], "unknown argument 'two'; see --help"),
    (["--metrics=leed"], "did you mean leep or lead"),
    (["--models=digits/mlp"], "did you mean digits/mlp"),
    (["--seed=-1"], "--seed"),
    (["--spilt=all"], "--help"),
    (["--split=some"], "split"),
    (["--format=xml"], "format"),
    (["--option=lead"], "write METRIC.NAME=VALUE"),
    (["--option=lead.width=3"], "no option 'width'"),
    (["--option=lead.t=-2"], "t must be at least 0, got -2"),
    (["--option=lead.classifier=forest"], "classifier must be one of"),
    (["--models="], "no models were given"),
    (["--out=/proc/nothing/here"], "give another --out"),
    (["--cache_dir=/proc/nothing/here"], "--cache_dir"),
  ],
)
def test_mistakes_are_one_line_and_code_2(command, arguments, message):
  code, out, err = command(*arguments)
  assert code == 2
  assert out == ""
  lines = [line for line in err.splitlines() if line.startswith("lead-rank: ")]
  assert len(lines) == 1, err
  assert message in lines[0]
  assert "Traceback" not in err


def test_options_of_text(command):
  code, out, _ = command(
    "digits",
    "--models=digits/mlp_random",
    "--metrics=lead",
    "--option=lead.classifier=lda",
    "--option=lead.t=2",
    "--option=lead.hidden=(8,)",
  )
  assert code == 0
  assert "digits/mlp_random" in out


def test_options():
  parsed = cli.parse_options(
    ["lead.classifier=lda", "lead.t=2.5", "lead.hidden=(8, 4)", "knn.k=5"]
  )
  assert parsed == {
    "lead": {"t": 2.5, "hidden": (8, 4), "classifier": "lda"},
    "knn": {"k": 5},
  }
  with pytest.raises(InputError, match=r"write METRIC\.NAME=VALUE"):
    cli.parse_options(["t=2"])


@pytest.mark.parametrize(
  "value",
  ["{[]:1}", "[" * 5_000, "-" * 100_000 + "1", "1" + "0" * 400, "1" + "0" * 5_000],
  ids=["unhashable", "brackets", "signs", "digits", "more digits"],
)
def test_options_that_read_as_nothing_are_refused_in_one_short_line(value):
  options = cli.parse_options([f"knn.k={value}"])["knn"]
  with pytest.raises(InputError, match="'knn': k must be a whole number") as caught:
    metrics.check_options("knn", options)
  assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
  ("name", "usage"),
  [
    ("rank", "Ranks pre-trained models"),
    ("finetune", "Fine-tunes models on your images"),
    ("evaluate", "Measures how well metrics rank models"),
  ],
)
def test_experiments_have_the_same_programs(name, usage):
  done = subprocess.run(
    [sys.executable, "-m", f"experiments.{name}", "--help"],
    capture_output=True,
    text=True,
    check=True,
    cwd=pathlib.Path(__file__).resolve().parents[2],
  )
  assert done.stdout.startswith(usage)


def test_killed_half_way_and_run_again(tmp_path):
  """SIGKILL, not an exception: what was finished is on disk."""
  arguments = [
    sys.executable,
    "-c",
    "from lead_jax.commands.rank import run; run()",
    "--models=digits/mlp_random,digits/mlp_denoising,digits/mlp_supervised",
    "--metrics=knn",
    f"--cache_dir={tmp_path / 'cache'}",
    f"--out={tmp_path / 'out'}",
  ]
  with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
    for line in process.stderr:
      if line.startswith("[1/3] digits/mlp_random: features"):
        process.send_signal(signal.SIGKILL)
        break
    process.stderr.read()
  assert process.returncode == -signal.SIGKILL
  again = subprocess.run(arguments, capture_output=True, text=True, check=False)
  assert again.returncode == 0, again.stderr
  assert "[1/3] digits/mlp_random: scores from the store" in again.stderr
  assert "[3/3] digits/mlp_supervised: " in again.stderr


def test_published_networks_are_listed(command, tmp_path):
  (tmp_path / "resnet50.pth").write_bytes(b"")
  code, out, _ = command("models", f"--weights_dir={tmp_path}")
  assert code == 0
  lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
  assert lines["resnet50"][7] == "yes"
  assert lines["resnet50"][-1] == str(tmp_path / "resnet50.pth")
  assert lines["moco_v2"][7] == "no"
  assert lines["moco_v2"][-1].endswith("moco_v2_800ep_pretrain.pth.tar")
  assert sum(line[7:8] in (["yes"], ["no"]) for line in lines.values()) == 24


def test_listing_takes_no_other_flags(command):
  code, _, err = command("models", "--zoo=zoo.json")
  assert code == 2
  assert "lead-rank models takes --weights_dir and --cache_dir, not --zoo" in err


def test_metrics_are_listed(command):
  code, out, _ = command("metrics")
  assert code == 0
  lines = out.splitlines()
  assert len(lines) == len(METRICS) + 1
  marked = [line.split()[1] for line in lines[:-1] if line.startswith("* ")]
  assert set(marked) == set(DEFAULT_METRICS)
  assert lines[-1].endswith(f"in this order: {', '.join(DEFAULT_METRICS)}")
  assert all(metric.description in out for metric in METRICS.values())
  code, _, err = command("metrics", "--seed=3")
  assert code == 2
  assert "lead-rank metrics takes no flags, not --seed" in err


def test_two_reports_are_compared(command, tmp_path):
  runs = tmp_path / "old", tmp_path / "new"
  for out, seed in zip(runs, (0, 1), strict=True):
    code, _, err = command(
      "digits",
      "--models=digits/mlp_random,digits/conv_random",
      "--metrics=knn,feature_norm",
      "--resamples=0",
      f"--seed={seed}",
      f"--cache_dir={tmp_path / 'cache'}",
      f"--out={out}",
    )
    assert code == 0, err
  report = json.loads((runs[0] / "report.json").read_text())
  words = shlex.split(report["plan"]["request"]["command"])
  assert words[:2] == ["lead-rank", "digits"]
  assert f"--out={runs[0]}" in words
  code, text, _ = command("compare", str(runs[0]), str(runs[1] / "report.json"))
  assert code == 0
  assert "4 scores and ranks of both runs are equal; 0 scores or ranks differ." in text
  assert "seed: 0 in the old run, 1 in the new." in text
  code, _, err = command("compare", str(runs[0]))
  assert (code, err.count("\n")) == (2, 1)
  assert "compare takes two reports, OLD and NEW, got 1" in err
  code, _, err = command("compare", str(runs[0]), str(tmp_path / "nowhere"))
  assert (code, err.count("\n")) == (2, 1)
  assert "nowhere: there is no such file" in err
  code, _, err = command("compare", str(runs[0]), str(runs[1]), "--seed=1")
  assert code == 2
  assert "takes no flags, not --seed" in err


def test_a_metric_of_ones_own_that_fails_is_a_failure(command, tmp_path):
  (tmp_path / "sourmod.py").write_text(
    "from lead_jax.metrics import Metric\n"
    "def compute(problem, options):\n"
    "  raise ValueError('it is sour')\n"
    "SOUR = Metric('sour', compute)\n"
  )
  code, _, err = command(MODELS, "--metrics=knn,sourmod:SOUR", "--resamples=0")
  assert code == 2, err
  assert "2 of 2 models could not be scored by every metric named" in err
  # What `all` adds may lack what it needs; what is named beside it may not.
  assert cli._named(full_report(), ["all", "sourmod:SOUR", "knn"]) == ["sour", "knn"]


def test_a_folder_whose_name_is_no_text_is_ranked_to_its_end(tmp_path):
  folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
  rng = np.random.default_rng(0)
  for label in ("a", "b"):
    (pathlib.Path(folder) / label).mkdir(parents=True)
    for i in range(6):
      pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
      Image.fromarray(pixels).save(f"{folder}/{label}/{i}.png")
  code = "from lead_jax.commands.rank import run; run()"
  flags = (*FAST, MODELS, f"--out={tmp_path}/out", f"--cache_dir={tmp_path}/cache")
  done = subprocess.run(
    [sys.executable, "-c", code, folder, *flags],
    cwd=pathlib.Path(__file__).resolve().parents[2],
    capture_output=True,
  )
  assert done.returncode == 0, done.stderr
  assert json.loads((tmp_path / "out" / "report.json").read_text())["complete"]


@pytest.mark.parametrize(
  "arguments",
  [
    ["~nosuchuser/data"],
    ["--out=~nosuchuser/out", MODELS],
    ["--cache_dir=~nosuchuser/cache", MODELS],
    ["--ground_truth=~nosuchuser/x.csv", MODELS],
    ["compare", "~nosuchuser/a", "~nosuchuser/b"],
  ],
)
def test_a_folder_of_nobody_is_one_line(command, arguments):
  code, _, err = command(*arguments)
  assert code == 2
  assert "there is no user of that name" in err.splitlines()[-1]
  assert "Traceback" not in err


def test_a_full_disk_at_the_end_costs_no_table(command, tmp_path, monkeypatch):
  arguments = (MODELS, "--metrics=knn", "--resamples=0", "--format=csv")
  code, expected, _ = command(*arguments)
  assert code == 0
  (tmp_path / "runs" / "digits" / "scores.csv").write_text("of another time")

  def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")

  with monkeypatch.context() as patch:
    patch.setattr(os, "fsync", full)
    code, out, err = command(*arguments)
  assert code == 2
  assert [line.split(",")[:4] for line in out.splitlines()] == [
    line.split(",")[:4] for line in expected.splitlines()
  ]
  assert "warning: cannot write" in err
  assert "The results could not be written; the reason is above." in err
  assert "Report:" not in err


# The zoo file of a stranger: sets the title, clears the screen, splits lines, computes.
EVIL = "\x1b]0;mine\x07\x1b[2Jup\ngone\r\x9b31m"


def test_names_of_strangers_move_no_terminal(tmp_path):
  """On a terminal, where the live bar and the colours are."""
  import pty

  (tmp_path / "cut.onnx").write_bytes(b"\x08\x07\x12")
  spec = {"height": 8, "width": 8, "channels": "rgb", "layout": "NCHW"}
  spec |= {"mean": [0, 0, 0], "std": [1, 1, 1]}
  entry = {"name": EVIL, "file": "cut.onnx", "sha256": "0" * 64, "input": spec}
  other = {**entry, "name": f"={EVIL}"}
  (tmp_path / "zoo.json").write_text(json.dumps({"models": [entry, other]}))
  main, terminal_end = pty.openpty()
  code = "from lead_jax.commands.rank import run; run()"
  flags = ["--zoo=zoo.json", "--metrics=knn", "--cache_dir=cache", "--out=out"]
  process = subprocess.Popen(
    [sys.executable, "-c", code, "digits", *flags],
    cwd=tmp_path,
    env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "160"},
    stdout=terminal_end,
    stderr=terminal_end,
  )
  os.close(terminal_end)
  seen = b""
  with contextlib.suppress(OSError):  # EIO: the other end is closed
    while chunk := os.read(main, 65_536):
      seen += chunk
  os.close(main)
  assert process.wait(60) == 2, seen
  text = seen.decode()
  assert "]0;mine" in text
  for obeyed in ("\x1b]", "\x1b[2J", "\x07", "\x9b"):
    assert obeyed not in text
  lines = [line for line in text.split("\r\n") if "[1/2]" in line and "failed" in line]
  assert lines
  assert all("gone" in line for line in lines)
  with open(tmp_path / "out" / "scores.csv", encoding="utf-8", newline="") as cells:
    (row,) = [row for row in csv.reader(cells) if row[0].startswith("'=")]
  assert csv_text(row[0]) == other["name"]
