"""Ground truth: fine-tuning, the papers' protocol and others, resumable.

`protocol` says how, `split` on which images, `augment` in which views; `learner` holds the
compiled functions (`schedule`, `optimiser`, and of `labels` the loss), `accuracy` the
measures, `task` the data set, whose images may be of several classes each; `run`
is one run, resumable by `checkpoints` and `files`; `grid` compares runs and measures the
best. `experiments/finetune.py` is the command; docs/finetuning.md describes it.
"""

from lead_jax.finetune.accuracy import mean_average_precision, measures
from lead_jax.finetune.grid import Outcome, finetune
from lead_jax.finetune.learner import Learner
from lead_jax.finetune.protocol import ADAMW5, ADAMW8, PAPERS, PROTOCOLS, Protocol
from lead_jax.finetune.run import Listener
from lead_jax.finetune.task import Target, make_target

__all__ = [
  "ADAMW5",
  "ADAMW8",
  "PAPERS",
  "PROTOCOLS",
  "Learner",
  "Listener",
  "Outcome",
  "Protocol",
  "Target",
  "finetune",
  "make_target",
  "mean_average_precision",
  "measures",
]
