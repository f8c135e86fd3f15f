"""`lead-evaluate` as a person meets it, and a small real run."""

import re
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from lead_jax.commands import evaluate


def test_an_interrupt_says_how_to_go_on(monkeypatch, capsys):
  def interrupted(command):
    raise KeyboardInterrupt

  monkeypatch.setattr(evaluate, "_evaluate", interrupted)
  assert evaluate.main(["lead-evaluate"]) == 130
  assert "run the same command again" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([], "--zoo or --models is needed"),
    (
      ["--zoo=z", "--data=d", "--ground_truth=none.csv"],
      "none.csv: there is no such file",
    ),
    (["extra"], "unknown argument 'extra'"),
    (["--samples=3"], "flag --samples=3"),
    (["--nothing"], "Unknown command line flag 'nothing'"),
  ],
)
def test_what_is_wrong_is_one_line(capsys, arguments, message):
  assert evaluate.main(["lead-evaluate", *arguments]) == 2
  error = capsys.readouterr().err
  assert message in error
  assert error.count("\n") == 1


def test_a_wrong_baseline_is_found_before_any_work(capsys, tmp_path):
  (tmp_path / "birds").mkdir()
  truth = tmp_path / "truth.csv"
  truth.write_text("model,dataset,accuracy\na,birds,50\nb,birds,60\n")
  arguments = [
    f"--data={tmp_path}",
    f"--ground_truth={truth}",
    "--zoo=not_looked_at.json",
  ]
  named = ["--metrics=knn", "--baseline=lda"]
  assert evaluate.main(["lead-evaluate", *arguments, *named]) == 2
  assert "--baseline=lda is none of knn, parameters, " in capsys.readouterr().err


def test_a_small_real_run(shared, tmp_path, capsys):
  zoo = shared / "realzoo"
  if not zoo.is_dir():
    pytest.skip("../shared/realzoo is not there")
  for name in ("flowers5", "eurosat10"):
    for folder in sorted((zoo / "data" / name / "train").iterdir()):
      to = tmp_path / "data" / name / "train" / folder.name
      to.mkdir(parents=True)
      for file in sorted(folder.iterdir())[:4]:
        shutil.copy(file, to)
  arguments = [
    "lead-evaluate",
    f"--zoo={zoo / 'zoo.json'}",
    f"--data={tmp_path / 'data'}",
    f"--ground_truth={zoo / 'ground_truth.csv'}",
    f"--out={tmp_path / 'out'}",
    f"--cache_dir={tmp_path / 'cache'}",
    "--models=resnet8_cifar10_mlperf,mbv1_025_96_vww_mlperf,mbv1_025_128_in1k",
    "--metrics=knn,feature_norm",
    "--baseline=knn",
    "--samples=200",
    "--nofigures",
  ]
  (tmp_path / "data" / "grocery43" / "train").mkdir(parents=True)
  assert evaluate.main(arguments) == 0
  first = capsys.readouterr()
  assert "Models with a true accuracy: eurosat10 3, flowers5 3." in first.out
  # What cannot be read does not end the others.
  assert "left out: " in first.out
  assert "grocery43" in first.out
  assert "for 6 pairs of model and data set" in first.out
  assert evaluate.main(arguments) == 0
  again = capsys.readouterr()
  # The cost of what came from the store is remembered. Loading takes what it takes.
  without_peak = lambda text: re.sub(r"Peak[^.]*\.", "", " ".join(text.split()))
  assert without_peak(again.out) == without_peak(first.out)
  assert without_peak(first.out) != " ".join(first.out.split())
  assert again.err.count(": scores from the store") == 6
  # Another question in the same folder is refused, unless it may replace the first.
  arguments[arguments.index("--metrics=knn,feature_norm")] = "--metrics=knn"
  assert evaluate.main(arguments) == 2
  assert "results of another run" in capsys.readouterr().err
  assert evaluate.main([*arguments, "--overwrite"]) == 0
  assert "feature_norm" not in capsys.readouterr().out
  names = {path.name for path in (tmp_path / "out").iterdir()}
  assert names >= {"evaluation.csv", "evaluation.json", "evaluation.txt", "flowers5"}


def test_parts_then_the_same_command(tmp_path, capsys):
  rng = np.random.default_rng(0)
  for name in ("birds", "cars", "empty"):
    for kind in ("x", "y") * (name != "empty"):
      folder = tmp_path / "data" / name / "train" / kind
      folder.mkdir(parents=True, exist_ok=True)
      for i in range(6):
        pixels = rng.integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
  (tmp_path / "data" / "empty").mkdir()
  models = ("digits/mlp_random", "digits/mlp_supervised")
  rows = [
    f"{m},{d},{50 + i}"
    for d in ("birds", "cars", "empty")
    for i, m in enumerate(models)
  ]
  (tmp_path / "truth.csv").write_text(
    "\n".join(["model,dataset,accuracy", *rows]) + "\n"
  )
  out = tmp_path / "out"
  arguments = [
    "lead-evaluate",
    f"--models={','.join(models)}",
    f"--data={tmp_path / 'data'}",
    f"--ground_truth={tmp_path / 'truth.csv'}",
    f"--out={out}",
    f"--cache_dir={tmp_path / 'cache'}",
    "--metrics=feature_norm",
    "--baseline=feature_norm",
    "--samples=100",
    "--nofigures",
  ]
  assert evaluate.main([*arguments, "--shard=2/2"]) == 0
  said = capsys.readouterr()
  first = "birds: digits/mlp_random, birds: digits/mlp_supervised"
  # The parts are dealt in turn.
  rest = "cars: digits/mlp_supervised, cars: digits/mlp_random"
  assert f"Part 2/2 is done: worked off 4 models ({first}, {rest})\n" in said.out
  assert "left out: " in said.err
  assert not out.exists()
  assert evaluate.main([*arguments, "--shard=1/2"]) == 0
  said = capsys.readouterr()
  assert "Part 1/2 is done: worked off 0 models\n" in said.out
  command = said.out.splitlines()[-1].partition("conclude by: ")[2]
  assert evaluate.main(shlex.split(command)) == 0
  assert capsys.readouterr().err.count(": scores from the store") == 4
  assert (out / "evaluation.csv").exists()
  shutil.rmtree(tmp_path / "data" / "birds")
  shutil.rmtree(tmp_path / "data" / "cars")
  (tmp_path / "data" / "cars").mkdir()
  assert evaluate.main([*arguments, "--shard=1/2"]) == 2
  assert "none of the 2 data sets can be read" in capsys.readouterr().err
