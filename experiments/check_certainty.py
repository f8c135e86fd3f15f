"""`python -m experiments.check_certainty --zoo=Z --data=FOLDER`: do the intervals hold?

Takes one data set for all there is, draws small data sets from it as a user might have
photographed them, and asks of each what `lead-rank` would say about chance in its images:
half of them scored fifty times. That is compared with what chance in the images really
did, from one small data set to the next, and with the ranking of all images. What is
scored is kept: interrupted, the same command goes on.

Exit codes: 0; 2 where a flag or the input is wrong (one line says what); 130 interrupted.
"""

import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from lead_jax.commands import SharedFlags, run_script
from lead_jax.system import default_cache_dir

FLAGS = flags.FlagValues()
_shared = SharedFlags(FLAGS)
_ZOO = _shared.zoo()
_DATA = flags.DEFINE_string(
  "data", "digits", "Data set, named as for lead-rank.", flag_values=FLAGS
)
_MODELS = _shared.models()
_METRICS = _shared.metrics("lead_held_out,knn,logme", ["lead_held_out", "knn", "logme"])
_IMAGES = flags.DEFINE_integer(
  "images", 500, "Images per small data set.", lower_bound=8, flag_values=FLAGS
)
_SAMPLES = flags.DEFINE_integer(
  "samples", 20, "Number of small data sets.", lower_bound=2, flag_values=FLAGS
)
_SEED = _shared.seed()
_CACHE_DIR = _shared.cache_dir()


def check() -> str:
  """Does what the flags ask for; returns the table."""
  from experiments.sensitivity import intervals
  from lead_jax.backbones import resolve_models
  from lead_jax.backbones.catalogue import WeightSources
  from lead_jax.data import load_dataset
  from lead_jax.features import FeatureStore
  from lead_jax.run import metrics_or_default
  from lead_jax.system import keep_compiled

  cache_dir = pathlib.Path(_CACHE_DIR.value or default_cache_dir()).expanduser()
  keep_compiled(cache_dir)
  return intervals.check(
    load_dataset(_DATA.value),
    resolve_models(_MODELS.value, _ZOO.value, WeightSources(None, cache_dir)),
    metrics_or_default(_METRICS.value),
    FeatureStore(cache_dir / "features"),
    images=_IMAGES.value,
    samples=_SAMPLES.value,
    seed=_SEED.value,
  )


def run(argv: Sequence[str]) -> int:
  """Reads the flags and prints the table; returns the exit code."""
  return run_script(FLAGS, "experiments.check_certainty", __doc__, check, argv)


if __name__ == "__main__":
  sys.exit(run(sys.argv))
