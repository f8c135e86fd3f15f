"""Ground truth from the command line, on the bundled digits."""

import csv
import io
import json
import os
import shutil
import signal

import numpy as np
import pytest
from PIL import Image

from lead_jax.commands import finetune
from lead_jax.evaluation._ground_truth import ground_truth_table
from lead_jax.report._finetune_progress import FinetuneProgress

SMALL = ["--models=digits/mlp_supervised", "--learning_rates=0.003,0.0003", "--seeds=1"]


def _run(out, *arguments):
  cache = out.parent / "cache"
  return finetune.main(
    ["lead-finetune", f"--out={out}", f"--cache_dir={cache}", *arguments]
  )


def _rows(path):
  return list(csv.DictReader(io.StringIO(path.read_text())))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """A run that nothing interrupted."""
  out = tmp_path_factory.mktemp("finetune") / "whole"
  assert _run(out, *SMALL) == 0
  return out


def test_a_digits_model_is_far_better_than_chance(whole):
  text = (whole / "ground_truth.csv").read_text()
  table = ground_truth_table(text)
  assert table["digits"]["digits/mlp_supervised"] > 80  # chance is 20
  row = _rows(whole / "ground_truth.csv")[0]
  assert row["measure"] == "top-1 %"
  assert row["learning_rate"] == "0.003"
  assert row["learning_rates_tried"] == "0.003 0.0003"
  assert (row["protocol"], row["seeds"], row["accuracy_std"]) == ("adamw5", "1", "")
  assert float(row["validation_accuracy"]) > 80


def test_every_run_is_kept_with_all_that_it_depends_on(whole):
  rows = [json.loads(line) for line in (whole / "runs.jsonl").read_text().splitlines()]
  assert [row["phase"] for row in rows] == ["selection", "selection", "final"]
  assert {row["status"] for row in rows} == {"ok"}
  assert rows[0]["protocol"]["batch_size"] == 32
  assert {"jax", "optax", "orbax-checkpoint"} <= set(rows[0]["facts"]["versions"])
  assert rows[0]["facts"]["device"]
  flat = _rows(whole / "runs.csv")
  assert [row["learning_rate"] for row in flat] == ["0.003", "0.0003", "0.003"]
  assert float(flat[2]["test_top1"]) == rows[2]["test"]["top1"]
  with np.load(whole / "logits" / "digits" / "digits_mlp_supervised.0.npz") as arrays:
    assert arrays["train_logits"].shape == (6, 536, 5)
    assert tuple(arrays["class_names"]) == ("5", "6", "7", "8", "9")


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_interrupted_the_same_command_ends_as_if_it_had_not_been(
  whole, tmp_path, monkeypatch, capsys, stop, code
):
  seen = []

  def stepped(self, done):
    seen.append(done)
    if seen.count(28) == 2 and done == 28:  # in the second run
      os.kill(os.getpid(), stop)

  # Whatever it is in this process: a job in the background ignores SIGINT.
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  try:
    with monkeypatch.context() as patch:
      patch.setattr(FinetuneProgress, "stepped", stepped)
      assert _run(tmp_path / "out", *SMALL) == code
  finally:
    signal.signal(signal.SIGINT, before)
  assert capsys.readouterr().err.endswith(
    "interrupted; run the same command again to go on from here\n"
  )
  assert _run(tmp_path / "out", *SMALL) == 0
  assert "in an earlier session" in capsys.readouterr().err
  rows = [_rows(out / "ground_truth.csv") for out in (tmp_path / "out", whole)]
  for row in rows[0] + rows[1]:
    row.pop("source")  # it has the day
  assert rows[0] == rows[1]
  file = "logits/digits/digits_mlp_supervised.0.npz"
  with np.load(whole / file) as one, np.load(tmp_path / "out" / file) as other:
    for name in one.files:
      np.testing.assert_array_equal(one[name], other[name])


def test_rows_that_are_there_stay(whole, tmp_path, capsys):
  out = tmp_path / "out"
  shutil.copytree(whole, out)
  truth = out / "ground_truth.csv"
  theirs = "model,dataset,accuracy,note\nother,birds,50,mine\n"
  truth.write_text(theirs)
  assert _run(out, *SMALL) == 0
  capsys.readouterr()
  rows = _rows(truth)
  assert (rows[0]["model"], rows[0]["note"], rows[0]["seeds"]) == ("other", "mine", "")
  assert rows[1]["model"] == "digits/mlp_supervised"
  before = truth.read_text()
  changed = [*SMALL[:2], "--seeds=1", "--epochs=1"]
  assert _run(out, *changed) == 2
  assert "was found with other settings, data or weights" in capsys.readouterr().err
  assert truth.read_text() == before
  assert _run(out, *changed, "--overwrite") == 0
  assert _rows(truth)[1]["protocol"] == "adamw5 epochs=1"
  assert len(_rows(out / "runs.csv")) == 6


def test_a_model_that_fails_is_a_row_and_the_others_go_on(tmp_path, capsys):
  features = tmp_path / "features.npz"
  np.savez(features, features=np.zeros((3, 2)))
  models = f"--models=features:{features},digits/mlp_random"
  quick = ["--learning_rates=0.001", "--epochs=1", "--seeds=1", "--trainable=head"]
  assert _run(tmp_path / "out", models, *quick) == 2
  said = capsys.readouterr()
  assert "there is no model to fine-tune" in said.err
  assert "digits/mlp_random: " in said.out
  rows = _rows(tmp_path / "out" / "runs.csv")
  assert rows[0]["status"].startswith("failed: it is a file of features")
  assert rows[1]["status"] == "ok"
  assert _run(tmp_path / "out2", models.partition(",")[0], *quick) == 2


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (
      ["--protocol=best"],
      "--protocol=best: there is no such protocol; there are papers, adamw8, adamw5",
    ),
    (["--optimiser=adam"], "--optimiser must be one of sgd, adamw, got 'adam'"),
    (
      ["--learning_rates=a"],
      "--learning_rates=a: expected numbers separated by commas",
    ),
    (["--batch_size=none"], "--batch_size=none: expected int"),
    (["--models=nothing"], "there is no model 'nothing'"),
    (["--data=nowhere"], "no data set 'nowhere'"),
    (["--nothing"], "Unknown command line flag 'nothing'"),
    (["digits", "extra"], "unknown argument 'extra'"),
    (["digits", "--data=digits"], "named twice, 'digits' and --data=digits"),
    (
      ["digits", "--test_fraction=0.5"],
      "--test_fraction=0.5 is for a data set without",
    ),
  ],
)
def test_what_is_wrong_is_one_line(tmp_path, capsys, arguments, message):
  assert _run(tmp_path / "out", *arguments) == 2
  error = capsys.readouterr().err
  assert message in error
  assert error.count("\n") == 1


def test_what_is_measured_on_may_be_elsewhere(tmp_path):
  rng = np.random.default_rng(0)
  labels = np.arange(40) % 2
  pixels = rng.integers(0, 100, (40, 8, 8)) + 100 * labels[:, None, None]
  for name, rows in (("a", slice(30)), ("b", slice(30, 40))):
    images = pixels[rows].astype(np.uint8)
    np.savez(tmp_path / f"{name}.npz", images=images, labels=labels[rows])
  data = [f"--data=npz:{tmp_path}/a.npz", "--models=digits/mlp_random"]
  quick = [f"--test_data=npz:{tmp_path}/b.npz", "--protocol=adamw5", "--seeds=1"]
  settings = ["--learning_rates=0.01", "--trainable=head", "--measure=map11"]
  assert _run(tmp_path / "out", *data, *quick, *settings) == 0
  row = _rows(tmp_path / "out" / "ground_truth.csv")[0]
  assert row["measure"] == "11-point mean average precision %"
  assert float(row["accuracy"]) > 90


# Images of a part of voc: what is in them, and what of that is not difficult.
PERSON, CHAIR, BIRD = 14, 8, 2
SEEN = [[PERSON, CHAIR], [PERSON], [BIRD], [BIRD], [CHAIR], [CHAIR, PERSON, BIRD]]
PLAIN = [[PERSON, CHAIR], [PERSON], [BIRD], [], [CHAIR], [CHAIR, PERSON]]


def test_voc_is_trained_and_measured_on_every_class(tmp_path, capsys):
  pytest.importorskip("tensorflow_datasets", reason="tensorflow-datasets is not here")
  from experiments.reproduction.records import prepare

  lists = {"labels": SEEN * 6, "labels_no_difficult": PLAIN * 6}
  counts = {"train": 36, "validation": 2, "test": 18}
  prepare("voc/2007", tmp_path / "data", counts, lists=lists)
  capsys.readouterr()  # of tfds
  voc = ["--data=tfds:voc/2007", f"--data_dir={tmp_path}/data", "--protocol=adamw5"]
  quick = ["--models=digits/mlp_random", "--trainable=head", "--seeds=1", "--epochs=2"]
  out = tmp_path / "out"
  assert _run(out, *voc, *quick, "--measure=top1") == 2
  assert capsys.readouterr().err == (
    "lead-finetune: --measure=top1 is for images of one class each, and these may "
    "be of several: give --measure=map11 or --measure=map\n"
  )
  assert not out.exists()
  assert _run(out, *voc, *quick) == 0
  said = capsys.readouterr()
  assert "11-point mean average precision % on voc/2007" in said.out
  assert "test 11-point mAP" in said.err
  row = _rows(out / "ground_truth.csv")[0]
  assert row["measure"] == "11-point mean average precision %"
  runs = _rows(out / "runs.csv")
  assert [run["phase"] for run in runs] == ["selection"] * 3 + ["final"]
  assert float(row["accuracy"]) == pytest.approx(float(runs[3]["test_map11"]), abs=0.01)
  assert (runs[3]["test_top1"], runs[3]["test_per_class"]) == ("", "")
  held = json.loads((out / "runs.jsonl").read_text().splitlines()[3])
  assert held["protocol"]["measure"] == "map11"
  with np.load(out / "logits" / "voc_2007" / "digits_mlp_random.0.npz") as arrays:
    assert tuple(arrays["class_names"]) == ("bird", "chair", "person")
    found = sorted(tuple(np.flatnonzero(row)) for row in arrays["test_labels"])
    assert len(arrays["train_labels"]) == 36
  wanted = [sorted((BIRD, CHAIR, PERSON).index(c) for c in row) for row in PLAIN]
  assert found == sorted(tuple(row) for row in wanted * 3)


def test_published_networks_need_no_zoo_file(tmp_path, capsys):
  """Their weights are looked for in `--weights_dir`, where these are damaged."""
  weights = tmp_path / "weights"
  weights.mkdir()
  (weights / "resnet50.safetensors").write_bytes(b"{}")
  options = ["--models=resnet50", f"--weights_dir={weights}", "--epochs=1"]
  assert _run(tmp_path / "out", *options) == 2
  said = capsys.readouterr()
  assert "resnet50: failed: " in said.out
  assert "resnet50.safetensors" in said.out


def _pixels(count):
  """Images of two classes, one brighter than the other, and their labels."""
  labels = np.arange(count) % 2
  pixels = np.random.default_rng(0).integers(0, 100, (count, 8, 8, 3))
  return (pixels + 100 * labels[:, None, None, None]).astype(np.uint8), labels


QUICK = ["--models=digits/mlp_random", "--trainable=head", "--steps=2"]


def test_a_data_set_without_a_test_part_is_divided(tmp_path, capsys):
  images, labels = _pixels(40)
  for place in ("here", "there"):
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
      folder = tmp_path / place / "photos" / ("dark", "light")[label]
      folder.mkdir(parents=True, exist_ok=True)
      Image.fromarray(image).save(folder / f"{i:02}.png")
  outs = [tmp_path / "out", tmp_path / "other"]
  for place, out in zip(("here", "there"), outs, strict=True):
    assert _run(out, str(tmp_path / place / "photos"), *QUICK) == 0
  said = capsys.readouterr().err
  assert "Data: photos, 32 training and 8 test images of 2 classes" in said
  assert "no test part and was divided: 20 % of each class, seed 0, " in said
  # The same content is divided in the same way wherever it lies.
  records = [(out / "splits" / "photos.json").read_text() for out in outs]
  assert records[0] == records[1]
  record = json.loads(records[0])
  test = [image["image"] for image in record["images"]["test"]]
  train = [image["image"] for image in record["images"]["train"]]
  assert (record["test_fraction"], record["split_seed"]) == (0.2, 0)
  assert sorted(name.split("/")[0] for name in test) == ["dark"] * 4 + ["light"] * 4
  assert len(set(test) | set(train)) == 40
  # Runs and accuracies say of which split they are, and do not take those of another.
  row = _rows(outs[0] / "ground_truth.csv")[0]
  assert row["split"] == f"20 % of each class, seed 0, {record['digest'][:12]}"
  runs = [
    json.loads(line) for line in (outs[0] / "runs.jsonl").read_text().splitlines()
  ]
  assert {run["split"]["digest"] for run in runs} == {record["digest"]}
  other = [str(tmp_path / "here" / "photos"), *QUICK, "--split_seed=1"]
  assert _run(outs[0], *other) == 2
  assert "was found with other settings, data or weights" in capsys.readouterr().err
  assert _run(outs[0], *other, "--test_fraction=0.5", "--overwrite") == 0
  assert json.loads((outs[0] / "splits" / "photos.json").read_text())["test"] == 20
  again = [
    json.loads(line) for line in (outs[0] / "runs.jsonl").read_text().splitlines()
  ]
  assert not {run["key"] for run in again[1:]} & {run["key"] for run in runs}


def test_one_ground_truth_is_measured_on_one_test_part(tmp_path, capsys):
  images, labels = _pixels(20)
  np.savez(tmp_path / "a.npz", images=images, labels=labels)
  out = tmp_path / "out"
  data = [f"npz:{tmp_path / 'a.npz'}", "--trainable=head", "--steps=2"]
  first, second = "--models=digits/mlp_random", "--models=digits/mlp_denoising"
  assert _run(out, *data, first) == 0
  said = capsys.readouterr().out
  assert "(and runs.csv, runs.jsonl, logits, splits)" in said
  truth, record = out / "ground_truth.csv", out / "splits" / "a.json"
  before = truth.read_text(), record.read_text()
  other = [*data, second, "--split_seed=1"]
  assert _run(out, *other) == 2
  error = capsys.readouterr().err
  assert "a row of 'digits/mlp_random' on 'a' that was measured on another" in error
  assert "(20 % of each class, seed 0, " in error
  assert "now 20 % of each class, seed 1, " in error
  assert [line.split()[0] for line in error.splitlines()] == [
    "Data:",
    "It",
    "lead-finetune:",
  ]
  assert (truth.read_text(), record.read_text()) == before
  # Whoever wants both has the record of both.
  assert _run(out, *other, "--overwrite") == 0
  digests = [row["split"].split()[-1] for row in _rows(truth)]
  assert len(set(digests)) == 2
  assert json.loads(record.read_text())["digest"].startswith(digests[1])
  aside = record.with_name(f"a.{digests[0]}.json")
  assert aside.read_text() == before[1]
  # The same split again is no other one.
  assert _run(tmp_path / "same", *data, first) == 0
  assert _run(tmp_path / "same", *data, second) == 0
  assert [path.name for path in (tmp_path / "same" / "splits").iterdir()] == ["a.json"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
  images, labels = _pixels(20)
  np.savez(tmp_path / "a.npz", images=images, labels=labels)
  out = tmp_path / "out"
  out.mkdir()
  (out / "splits").write_text("in the way")
  assert _run(out, f"npz:{tmp_path / 'a.npz'}", *QUICK) == 2
  error = capsys.readouterr().err
  assert error.splitlines()[-1].startswith("lead-finetune: cannot write ")
  assert error.endswith("a.json' (File exists): give another --out\n")


def test_a_train_part_alone_is_divided(tmp_path):
  images, labels = _pixels(20)
  arrays = {"images": images, "labels": labels}
  np.savez(tmp_path / "a.npz", **arrays, split=np.full(20, "train"))
  assert _run(tmp_path / "out", f"npz:{tmp_path / 'a.npz'}", *QUICK) == 0
  record = json.loads((tmp_path / "out" / "splits" / "a.json").read_text())
  assert (record["train"], record["test"]) == (16, 4)
  assert set(record["images"]["test"][0]) == {"index", "class"}
  # One that has a test part is taken as it is.
  np.savez(tmp_path / "b.npz", **arrays, split=np.repeat(["train", "test"], 10))
  assert _run(tmp_path / "out", f"npz:{tmp_path / 'b.npz'}", *QUICK) == 0
  assert not (tmp_path / "out" / "splits" / "b.json").exists()
  assert [row["split"] for row in _rows(tmp_path / "out" / "ground_truth.csv")][1] == ""


def test_a_class_of_one_image_is_named(tmp_path, capsys):
  images, labels = _pixels(9)
  names = np.where(labels == 0, "dark", "light").astype("<U6")
  names[0] = "lonely"
  np.savez(tmp_path / "a.npz", images=images, labels=names)
  assert _run(tmp_path / "out", f"npz:{tmp_path / 'a.npz'}", *QUICK) == 2
  error = capsys.readouterr().err
  assert "class 'lonely' has only one of the samples" in error
  assert error.count("\n") == 1


def test_a_part_writes_no_table_and_says_how_to_conclude(tmp_path, capsys):
  out = tmp_path / "out"
  models = "--models=features:none.npz"
  assert _run(out, "--data=digits", models, "--shard=1/2") == 0
  said = capsys.readouterr()
  assert "Part 1/2: 1 model (features:none.npz)" in said.err
  assert "Failed, for the reasons above: 1 model (features:none.npz)\n" in said.out
  last = said.out.splitlines()[-1]
  start = "When all parts have ended, conclude by: lead-finetune --"
  assert last.startswith(start)
  assert "--data=digits" in last
  assert "--shard" not in last
  assert not [path for path in out.rglob("*") if path.is_file()]
