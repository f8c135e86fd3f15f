"""Rank pre-trained models by how well they will fine-tune, without fine-tuning them.

Three names do most of it: `rank` (images and models in, ranked table out), `score` (one
metric on one model's features) and `lead` (the method itself, with all it computed).
"""

from lead_jax.errors import InputError
from lead_jax.held_out import HeldOutConfig, HeldOutResult, lead_held_out
from lead_jax.lead import LeadResult, lead, rescore_in_pool
from lead_jax.lead_config import LeadConfig, lead_config
from lead_jax.lead_rates import Network
from lead_jax.metrics import (
  DEFAULT_METRICS,
  METRICS,
  RECOMMENDED,
  score,
  score_pool,
  score_stream,
)
from lead_jax.ranking import Listener, rank
from lead_jax.results import Report
from lead_jax.version import __version__

__all__ = [
  "DEFAULT_METRICS",
  "METRICS",
  "RECOMMENDED",
  "HeldOutConfig",
  "HeldOutResult",
  "InputError",
  "LeadConfig",
  "LeadResult",
  "Listener",
  "Network",
  "Report",
  "__version__",
  "lead",
  "lead_config",
  "lead_held_out",
  "rank",
  "rescore_in_pool",
  "score",
  "score_pool",
  "score_stream",
]
