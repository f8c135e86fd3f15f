"""What the extraction benchmark measures; not how fast that is."""

import jax
import numpy as np

from experiments.benchmark import extract
from lead_jax.backbones._backbone import Backbone
from lead_jax.backbones._input_spec import InputSpec


def test_the_rate_is_that_of_a_whole_call(monkeypatch):
  calls = []

  def counted(backbone, dataset, **options):
    calls.append((len(dataset), options["batch_size"]))

  times = iter([10.0, 14.0])
  monkeypatch.setattr(extract, "extract", counted)
  monkeypatch.setattr(extract.time, "perf_counter", lambda: next(times))
  before = jax.config.jax_compilation_cache_dir
  backbone = Backbone("small", None, {}, InputSpec(4, 4), "")
  assert extract.images_per_second(backbone, 200) == 50.0
  assert calls == [(32, 32), (200, 32)]  # the first one compiles
  assert jax.config.jax_compilation_cache_dir == before


def test_images_in_memory():
  data = extract.in_memory(5)
  assert len(data) == 5
  assert data.read_image(4).shape == (224, 224, 3)
  assert data.read_image(4).dtype == np.uint8
