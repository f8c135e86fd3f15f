"""What is said while models are fine-tuned."""

import io

from lead_jax.report._bars import LiveBar
from lead_jax.report._finetune_progress import FinetuneProgress


def test_a_bar_on_a_terminal_says_the_same():
  stream = io.StringIO()
  result = {
    "learning_rate": 0.1,
    "weight_decay": 0.0,
    "seed": 0,
    "status": "ok",
    "validation": {"top1": 50.0},
    "test": None,
    "earlier": False,
    "seconds": 3.0,
  }
  with FinetuneProgress(LiveBar(stream)) as to:
    to.model(0, 2, "net")
    to.started("a setting", 10)
    to.stepped(5)
    to.ended(result)
    to.warned("look")
  said = stream.getvalue()
  assert (
    "[1/2] net: learning rate 0.1, weight decay 0, seed 0: validation top-1" in said
  )
  assert "warning: look" in said
