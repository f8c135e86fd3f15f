"""Reports made by hand: whatever a run may leave behind, without a run."""

import dataclasses
import math

import numpy as np

from lead_jax.metrics._table import METRICS
from lead_jax.results import (
  Certainty,
  ModelCertainty,
  ModelRow,
  Plan,
  Report,
  ScoreRow,
)

SCRIPT = "<script>alert('model')</script>"
# Names as nobody should give them: markup of three languages, a turned line, no break.
HOSTILE = (
  SCRIPT,
  "</style><img src=x onerror=alert(1)>",
  "tex_$x^2$ & 100% #1 ~ \\input{secret} {",
  "md | `code` **bold** [a](http://b) <b>",
  "turned\u202egnp.exe\nand broken",
  "a_very_long_name_of_a_network_that_nobody_would_shorten_224_in21k_ft_in1k_v2",
)
PLAIN = tuple(f"network_{i}" for i in range(8))
GONE = "gone"
SPLIT = 0.25


def asked(report: Report, **changes) -> Report:
  """A report of a plan that asks for something else."""
  return dataclasses.replace(report, plan=dataclasses.replace(report.plan, **changes))


def small_report() -> Report:
  """Two models and a failure, two metrics, no certainty."""
  models = [
    ModelRow("weak", "ok", num_params=900, feature_dim=8, seconds={"score": 1.0}),
    ModelRow("strong", "ok", num_params=3_200_000, feature_dim=1024),
    ModelRow(GONE, "failed: gone.onnx: there is no such file"),
  ]
  scores = [
    ScoreRow("weak", "lead", -1.5, 2, "ok"),
    ScoreRow("weak", "knn", 0.75, 1, "tied with strong"),
    ScoreRow("strong", "lead", -0.123456, 1, "ok"),
    ScoreRow("strong", "knn", 0.75, 1, "tied with weak"),
    ScoreRow(GONE, "lead", math.nan, None, models[2].status),
    ScoreRow(GONE, "knn", math.nan, None, models[2].status),
  ]
  plan = Plan(
    {"name": "photos", "samples": 20, "classes": 2},
    [row.model for row in models],
    ["lead", "knn"],
    request={"dataset": "photos/"},
  )
  return Report(plan, models, scores)


def full_report(metrics: int | None = None) -> Report:
  """Hostile names, many metrics, failures, certainty, ground truth, provenance.

  Args:
    metrics: How many; all where None. The first is the recommended one.
  """
  names = ("lead_held_out", "knn", "linear_probe", *METRICS)
  chosen = list(dict.fromkeys(names))[:metrics]
  rng = np.random.default_rng(0)
  models = [*PLAIN, *HOSTILE]
  quality = np.linspace(1.0, 0.0, len(models)) ** 2
  quality[-1] = -4.0
  accuracy = np.linspace(0.9, 0.3, len(models))
  scores = []
  for j, metric in enumerate(chosen):
    values = quality + 0.05 * j * rng.normal(size=len(models))
    if METRICS[metric].unit == "accuracy":
      values = accuracy + 0.02 * rng.normal(size=len(models))
    order = np.argsort(np.argsort(-values)) + 1
    for model, value, rank in zip(models, values, order, strict=True):
      std, draws = (0.01, "8 heads") if metric == "lead" else (None, "")
      scores.append(
        ScoreRow(model, metric, float(value), int(rank), "ok", std=std, draws=draws)
      )
    failure = "failed: <b>no such file</b>: gone.onnx"
    scores.append(ScoreRow(GONE, metric, math.nan, None, failure))
  if len(chosen) > 4:
    without = "needs source_probs: the network has <none>"
    scores = [
      dataclasses.replace(row, score=math.nan, rank=None, status=without)
      if row.metric == chosen[4] and row.model == PLAIN[0]
      else row
      for row in scores
    ]
  rows = [
    ModelRow(
      model,
      "ok",
      architecture=f"architecture of {model}",
      licence="MIT" if i % 2 else f"a long licence {SCRIPT} of many words and clauses",
      weights_hash=f"{i:064x}",
      num_params=int(1e5 * 1.7**i),
      flops=float(3e7 * 1.5 ** ((5 * i) % 14)),
      feature_dim=64 * (i + 1),
      seconds={"load": 0.5, "extract": 2.0 + i, "read": 1.0, "compute": 1.0 + i},
    )
    for i, model in enumerate(models)
  ]
  certain = [
    ModelCertainty(
      model,
      float(q) - 0.08,
      float(q) + 0.08,
      max(1, i),
      min(len(models), i + 3),
      [0.7125, 0.25, 0.0375][i] if i < 3 else 0.0,
    )
    for i, (model, q) in enumerate(zip(models, quality, strict=True))
  ]
  truth = {
    m: 95 - 60 * float(a - 0.7) ** 2 for m, a in zip(models, accuracy, strict=True)
  }
  measured = {
    "models": len(truth),
    "weighted_kendall": 0.5,
    "weighted_kendall_paper": 0.25,
    "kendall": -0.125,
    "regret_at_1": 1.25,
  }
  facts = {
    metric: {
      "description": METRICS[metric].description,
      "unit": METRICS[metric].unit,
      "random": METRICS[metric].random,
      "relative_to_the_pool": METRICS[metric].pool is not None,
    }
    for metric in chosen
  }
  plan = Plan(
    {
      "name": f"photos {SCRIPT}",
      "split": "all",
      "samples": 1234,
      "classes": 3,
      "class_names": [SCRIPT, "cats & dogs", "c"],
      "class_sizes": [400, 400, 434],
      "fingerprint": "f" * 64,
      "skipped": [{"path": f"{SCRIPT}.jpg", "reason": "no image"}],
    },
    [*models, GONE],
    chosen,
    metric_facts=facts,
    options={"lead": {"t": 2}},
    seed=7,
    files={"zoo.json": "0" * 64},
    ground_truth={f"photos {SCRIPT}": truth},
    request={
      "dataset": "photos/",
      "zoo": "zoo.json",
      "weights_dir": "w",
      "command": f"lead-rank photos/ --zoo=zoo.json --out='{SCRIPT}' --weights_dir=w",
    },
  )
  return Report(
    plan,
    [*rows, ModelRow(GONE, "failed: <b>no such file</b>: gone.onnx")],
    scores,
    environment={
      "versions": {"lead_jax": "0.1.0"},
      "device": "1 x cpu",
      "platform": "test",
      "started": "2026-11-22T12:00:00+00:00",
    },
    warnings=[f"mind {SCRIPT} the gap"],
    agreement={
      chosen[0]: measured,
      chosen[1]: {"models": 2, "error": "all <tied>: they rank nothing"},
    },
    static_agreement={"parameters": {**measured, "weighted_kendall": 0.75}},
    certainty=Certainty(
      chosen[0],
      50,
      512,
      0.95,
      certain,
      [models[:3], models[3:4], models[4:9], models[9:]],
    ),
  )
