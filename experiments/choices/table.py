"""Every choice that is examined, one literal a family.

`paper`: LEAD as METHODS reads it, with a thing or two changed (gradients of the whole
network, which need more than features, are `lead-rank --option=lead.params=all`).
`held_out`: LEAD out of
sample, every combination of a few values, fixed before any was scored on all data sets.
`baseline`: other metrics at their defaults; here those that need nothing but features
and labels, and no other models.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lead_jax.metrics import METRICS


class Choice(NamedTuple):
  """A metric with options.

  Attributes:
    family: `paper`, `held_out` or `baseline`.
    name: Unique; for people.
    metric: Name in the table of metrics.
    options: Of the metric.
  """

  family: str
  name: str
  metric: str
  options: Mapping[str, Any]


_PAPER: dict[str, dict[str, Any]] = {
  "as published": {},
  "t = 0.01": {"t": 0.01},
  "t = 0.1": {"t": 0.1},
  "t = 10": {"t": 10.0},
  "t = 100": {"t": 100.0},
  "relative time": {"time": "relative"},
  "features of unit rms": {"feature_scale": "rms"},
  "unit rms, relative time": {"feature_scale": "rms", "time": "relative"},
  "initial logits by sigmoid, L1": {"normalisation": "sigmoid_l1"},
  "initial logits of LDA": {"classifier": "lda"},
  "initial logits of a GMM": {"classifier": "gmm"},
  "initial logits held out": {"initial_folds": 3},
  "F_t read as a probability": {"loss": "log_probability"},
  "heads as PyTorch draws them": {"initializer": "torch"},
  "heads in NTK parameterisation": {"initializer": "ntk"},
  "head 256, 512": {"hidden": (256, 512)},
  "head 4096, 4096": {"hidden": (4096, 4096), "rates": "expected"},
  "expected rates": {"rates": "expected"},
  "one head": {"head_seeds": 1},
  "S = 16": {"samples_per_class": 16},
  "S = 256": {"samples_per_class": 256},
  "one kernel of mixed classes": {"evolution": "mixed"},
  "one coefficient for all": {"evolution": "constant"},
  "the whole kernel": {"evolution": "full_kernel"},
  "flow of the cross-entropy": {"evolution": "cross_entropy"},
}

_HELD_OUT: dict[str, tuple[Any, ...]] = {
  "kernel": ("wide", "linear"),
  "feature_scale": ("sample", "rms"),
  "dynamics": ("flow", "ridge"),
  "t": (0.3, 1.0, 3.0),
  "loss": (
    "calibrated_cross_entropy",
    "cross_entropy",
    "squared_error",
    "accuracy",
  ),
}
# Beside the combinations: what the default's kernel is approximated by, other heads, and
# features that are not centred.
_HELD_OUT_MORE: dict[str, dict[str, Any]] = {
  "8 drawn heads": {"kernel": "sampled"},
  "one hidden layer": {"hidden": (1024,)},
  **{
    f"not centred, t = {t:g}, {loss}": {"centred": False, "t": t, "loss": loss}
    for t, loss in itertools.product(_HELD_OUT["t"], _HELD_OUT["loss"])
  },
}

LEAD = ("lead", "lead_normalised", "lead_held_out", "log_init", "lambda", "constant")

PUBLISHED = "as published"
DEFAULT = "wide, sample, flow, t = 1, calibrated_cross_entropy"


BASELINES = tuple(
  name
  for name, metric in METRICS.items()
  if name not in LEAD and not metric.needs and metric.pool is None
)


def choices(baselines: Sequence[str]) -> list[Choice]:
  """Returns all of them, the baselines being these metrics."""
  found = [Choice("paper", name, "lead", options) for name, options in _PAPER.items()]
  for values in itertools.product(*_HELD_OUT.values()):
    options = dict(zip(_HELD_OUT, values, strict=True))
    name = ", ".join(f"t = {v:g}" if k == "t" else str(v) for k, v in options.items())
    found.append(Choice("held_out", name, "lead_held_out", options))
  found += [
    Choice("held_out", name, "lead_held_out", options)
    for name, options in _HELD_OUT_MORE.items()
  ]
  return found + [Choice("baseline", name, name, {}) for name in baselines]
