"""Ground truth: fine-tuning, the papers' protocol and others, resumable.

`protocol` says how, `split` on which images, `augment` in which views; `learner` holds the
compiled functions (`schedule`, `optimiser`, and of `labels` the loss), `accuracy` the
measures, `task` the data set, whose images may be of several classes each; `run`
is one run, resumable by `checkpoints` and `files`; `grid` compares runs and measures the
best; `finetune_models` takes models in turn and writes the tables. `lead-finetune` is the
command; docs/finetuning.md describes it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
