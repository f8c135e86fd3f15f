"""Every choice that LEAD's text leaves open, and the two variants made of them."""

import dataclasses
import functools
from typing import Literal, get_args

from lead_jax import checks, logits, ntk
from lead_jax.dynamics._feature_scale import FeatureScale

Variant = Literal["paper", "normalised"]
Evolution = Literal["class_aware", "mixed", "constant", "full_kernel", "cross_entropy"]
Loss = Literal["softmax_cross_entropy", "log_probability"]


@dataclasses.dataclass(frozen=True)
class LeadConfig:
  """Everything that the paper's text leaves open, with the defaults of METHODS.

  Attributes:
    hidden: Hidden widths of the head.
    initializer: How the head is drawn; see `ntk.layer_scales`.
    head_seeds: Heads that are drawn; rates are their mean. One seed has a scale noise of
      about 6 %.
    rates: `sampled` from drawn heads, or `expected` over all He-normal (or other) heads
      in closed form, which draws none.
    samples_per_class: S, samples of a class that its kernel is made of.
    sampling: `random` samples of a class, or the `first` ones in the order given.
    classifier: Where the logits start; see `logits.initial_logits`.
    normalisation: Likewise.
    c: Likewise.
    initial_folds: 0: initial logits are those of the samples that the classifier was
      fitted to, as the paper's; from 2: of samples held out from it (`svm` alone).
    evolution: `class_aware` (Eq. 7); `mixed` (one kernel from samples of all classes,
      Fig. 8); `constant` (App. C.2); `full_kernel` (Eq. 6 with
      the kernel of one drawn head, O(N^3)); `cross_entropy` (the
      flow of the cross-entropy loss at the classes' rates, integrated numerically).
    t: Time.
    eta: Learning rate.
    unit: Unit of time. With He-normal heads rates are 1e4 to 1e6, so 1e-6 is the only
      reading of "unit 1e6" under which t = 10 saturates as Fig. 4 says.
    time: `absolute`: eta_t = eta t unit. `relative`: eta_t = t / mean rate, so that t
      counts the model's own average time constants and eta and unit do not enter.
    coefficient: What `constant` keeps of the initial logits.
    loss: `softmax_cross_entropy` feeds F_t to the usual loss; `log_probability` reads F_t
      as a probability, -mean log F_t[y].
    feature_scale: What features are divided by before anything else sees them; see
      `scale_features`.
    params: Whether the gradient is taken over the `head` alone, as the paper does "for
      efficiency", or over `all` parameters of backbone and head; the latter needs the
      network itself (see `lead`).
    spectra: Whether to decompose every class's kernel and return its eigenvalues; rates
      are then their means instead of traces (equal up to rounding).
  """

  hidden: tuple[int, ...] = (1024, 2048)
  initializer: ntk.Initializer = "he_normal"
  head_seeds: int = 8
  rates: Literal["sampled", "expected"] = "sampled"
  samples_per_class: int = 64
  sampling: Literal["random", "first"] = "random"
  classifier: logits.Classifier = "svm"
  normalisation: logits.Normalisation = "softmax"
  c: float = 1.0
  initial_folds: int = 0
  evolution: Evolution = "class_aware"
  t: float = 1.0
  eta: float = 1.0
  unit: float = 1e-6
  time: Literal["absolute", "relative"] = "absolute"
  coefficient: float = 0.5
  loss: Loss = "softmax_cross_entropy"
  feature_scale: FeatureScale = "none"
  params: Literal["head", "all"] = "head"
  spectra: bool = False

  def __post_init__(self):
    set_field = functools.partial(object.__setattr__, self)
    set_field("hidden", checks.widths("hidden", self.hidden))
    for name in ("c", "t", "eta", "unit", "coefficient"):
      set_field(name, checks.real_number(name, getattr(self, name)))
    if not isinstance(self.spectra, bool):
      raise ValueError(f"spectra must be True or False, got {self.spectra!r}")
    hints = LeadConfig.__annotations__
    for name in (
      "initializer",
      "rates",
      "sampling",
      "classifier",
      "normalisation",
      "evolution",
      "time",
      "loss",
      "feature_scale",
      "params",
    ):
      checks.one_of(name, getattr(self, name), get_args(hints[name]))
    for name in ("head_seeds", "samples_per_class"):
      value = checks.whole_number(name, getattr(self, name), least=1)
      set_field(name, value)
    folds = checks.whole_number("initial_folds", self.initial_folds, least=0)
    set_field("initial_folds", folds)
    if folds == 1 or (folds and self.classifier != "svm"):
      raise ValueError(
        "initial_folds must be 0, or at least 2 with classifier='svm', got "
        f"{folds} with {self.classifier!r}"
      )
    for name in ("t", "eta", "unit"):
      if not getattr(self, name) >= 0:
        raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
    if not 0 < self.c < float("inf"):
      raise ValueError(f"c must be above 0 and finite, got {self.c}")
    if not 0 <= self.coefficient <= 1:
      raise ValueError(f"coefficient must be in [0, 1], got {self.coefficient}")
    if self.loss == "log_probability" and (
      self.normalisation == "none" or self.evolution in ("cross_entropy", "full_kernel")
    ):
      raise ValueError(
        "loss='log_probability' needs F_t to be a probability: choose a normalisation "
        "and evolution='class_aware', 'mixed' or 'constant'"
      )
    if self.evolution == "full_kernel" and self.rates == "expected":
      raise ValueError("evolution='full_kernel' needs rates='sampled': a drawn head")
    if self.spectra and self.rates == "expected":
      raise ValueError("spectra=True needs rates='sampled': a drawn head")
    if self.params == "all" and (self.rates == "expected" or self.spectra):
      raise ValueError(
        "params='all' needs rates='sampled' and spectra=False: only the norms of the "
        "whole network's gradients are computed"
      )
    if self.params == "all" and self.evolution == "full_kernel":
      raise ValueError("params='all' has no full kernel: choose another evolution")
    if self.params == "all" and self.feature_scale != "none":
      raise ValueError(
        "params='all' needs feature_scale='none': the network's own features are "
        "differentiated"
      )


def lead_config(variant: Variant = "paper", **overrides) -> LeadConfig:
  """Returns the configuration of a variant.

  `paper` is the published form. Its rates follow the features' squared norm, so it
  compares networks whose features have one scale (the paper's ImageNet zoos).
  `normalised` is for zoos of mixed origin, where mean squared norms differ by thousands:
  features are scaled to unit root mean square and time counts average time constants, so
  a model's score does not change when its features are multiplied by a number.

  Raises:
    ValueError: If the variant or an option is unknown.
  """
  if variant not in get_args(Variant):
    raise ValueError(f"variant must be one of {get_args(Variant)}, got {variant!r}")
  if variant == "normalised":
    overrides = {"feature_scale": "rms", "time": "relative"} | overrides
  known = {field.name for field in dataclasses.fields(LeadConfig)}
  if unknown := sorted(set(overrides) - known):
    raise ValueError(f"unknown option {unknown[0]!r} of lead; it has {sorted(known)}")
  return LeadConfig(**overrides)
