"""Every option of LEAD: its default, which METHODS says, and what it may be."""

import pytest

from lead_jax import dynamics

LEAD = {
  "hidden": ("each in [1, 65536]", (1024, 2048)),
  "initializer": ("", "he_normal"),
  "head_seeds": ("at least 1", 8),
  "rates": ("", "sampled"),
  "samples_per_class": ("at least 1", 64),
  "sampling": ("", "random"),
  "classifier": ("", "svm"),
  "normalisation": ("", "softmax"),
  "c": ("above 0 and finite", 1.0),
  "tol": ("above 0 and finite", None),
  "initial_folds": ("at least 0", 0),
  "evolution": ("", "class_aware"),
  "t": ("at least 0", 1.0),
  "eta": ("at least 0", 1.0),
  "unit": ("at least 0", 1e-6),
  "time": ("", "absolute"),
  "coefficient": ("in [0, 1]", 0.5),
  "loss": ("", "softmax_cross_entropy"),
  "feature_scale": ("", "none"),
  "params": ("", "head"),
  "spectra": ("", None),
}
HELD_OUT = {
  "kernel": ("", "wide"),
  "hidden": ("each in [1, 65536]", (1024, 2048)),
  "initializer": ("", "he_normal"),
  "head_seeds": ("at least 1", 8),
  "centred": ("", True),
  "feature_scale": ("", "sample"),
  "dynamics": ("", "flow"),
  "t": ("above 0 and finite", 1.0),
  "loss": ("", "calibrated_cross_entropy"),
}


@pytest.mark.parametrize(
  ("config", "table"),
  [(dynamics.LeadConfig, LEAD), (dynamics.HeldOutConfig, HELD_OUT)],
)
def test_defaults_and_bounds(config, table):
  found = {one.name: (one.bound, one.default) for one in config.described()}
  assert {name: found[name] for name in table} == table
  values = config()
  assert {name: getattr(values, name) for name in table} == {
    name: default for name, (_, default) in table.items()
  }


def test_variants():
  assert dynamics.lead_config() == dynamics.LeadConfig()
  assert dynamics.lead_config("normalised") == dynamics.LeadConfig(
    feature_scale="rms", time="relative"
  )
  assert dynamics.lead_config("normalised", time="absolute", t=3.0) == (
    dynamics.LeadConfig(feature_scale="rms", t=3.0)
  )
  with pytest.raises(ValueError, match=r"variant must be one of .* got 'other'"):
    dynamics.lead_config("other")
  with pytest.raises(ValueError, match="unknown option 'depth' of lead"):
    dynamics.lead_config(depth=3)


def combined(**options):
  """Whether some options go together; what else is wrong is another test's."""
  try:
    dynamics.LeadConfig(**options)
  except ValueError as error:
    return str(error).split(" ")[0]
  return "fine"


@pytest.mark.parametrize(
  ("options", "verdict"),
  [
    ({"initial_folds": 0, "classifier": "lda"}, "fine"),
    ({"initial_folds": 1}, "initial_folds"),
    ({"initial_folds": 2}, "fine"),
    ({"initial_folds": 2, "classifier": "lda"}, "initial_folds"),
    ({"initial_folds": 1, "classifier": "gmm"}, "initial_folds"),
    ({"loss": "log_probability"}, "fine"),
    ({"loss": "log_probability", "normalisation": "none"}, "loss='log_probability'"),
    ({"loss": "log_probability", "evolution": "mixed"}, "fine"),
    ({"loss": "log_probability", "evolution": "constant"}, "fine"),
    (
      {"loss": "log_probability", "evolution": "cross_entropy"},
      "loss='log_probability'",
    ),
    ({"loss": "log_probability", "evolution": "full_kernel"}, "loss='log_probability'"),
    ({"normalisation": "none"}, "fine"),
    ({"evolution": "cross_entropy"}, "fine"),
    ({"evolution": "full_kernel"}, "fine"),
    ({"evolution": "full_kernel", "rates": "expected"}, "evolution='full_kernel'"),
    ({"rates": "expected"}, "fine"),
    ({"spectra": True}, "fine"),
    ({"spectra": True, "rates": "expected"}, "spectra=True"),
    ({"params": "all"}, "fine"),
    ({"params": "all", "rates": "expected"}, "params='all'"),
    ({"params": "all", "spectra": True}, "params='all'"),
    ({"params": "all", "evolution": "full_kernel"}, "params='all'"),
    ({"params": "all", "feature_scale": "rms"}, "params='all'"),
    ({"feature_scale": "rms"}, "fine"),
  ],
)
def test_options_that_go_together(options, verdict):
  assert combined(**options) == verdict


@pytest.mark.parametrize(
  ("options", "verdict"),
  [
    ({}, True),
    ({"spectra": True}, True),
    ({"spectra": False}, False),
    ({"rates": "expected"}, False),
    ({"params": "all"}, False),
  ],
)
def test_where_kernels_are_decomposed(options, verdict):
  assert dynamics.LeadConfig(**options).decomposes is verdict
