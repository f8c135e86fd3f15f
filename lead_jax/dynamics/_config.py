"""Every choice that LEAD's text leaves open, and the two variants made of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

from lead_jax import logits, ntk
from lead_jax.checks import Options, check_arguments, option
from lead_jax.dynamics._feature_scale import FeatureScale

Variant = Literal["paper", "normalised"]
Evolution = Literal["class_aware", "mixed", "constant", "full_kernel", "cross_entropy"]
Loss = Literal["softmax_cross_entropy", "log_probability"]


@dataclasses.dataclass(frozen=True)
class LeadConfig(Options):
  """Every choice that the paper's text leaves open; the defaults are those of METHODS.

  With He-normal heads rates are 1e4 to 1e6, so 1e-6 is the only reading of the paper's
  "unit 1e6" under which t = 10 saturates as Fig. 4 says. One drawn head has a scale noise
  of about 6 %.
  """

  hidden: tuple[int, ...] = option(
    (1024, 2048), least=1, most=65_536, help="Hidden widths of the head."
  )
  initializer: ntk.Initializer = option(
    "he_normal", help="How the head is drawn; see `ntk.layer_scales`."
  )
  head_seeds: int = option(
    8, least=1, help="Number of heads that are drawn; rates are their mean."
  )
  rates: Literal["sampled", "expected"] = option(
    "sampled",
    help="`sampled` from drawn heads, or `expected` over all heads in closed form, which "
    "draws none.",
  )
  samples_per_class: int = option(
    64, least=1, help="S, the number of samples of a class that its kernel is made of."
  )
  sampling: Literal["random", "first"] = option(
    "random",
    help="Which samples of a class: drawn at random, or the first ones in the order given.",
  )
  classifier: logits.Classifier = option(
    "svm", help="Classifier that gives the initial logits; see `logits.initial_logits`."
  )
  normalisation: logits.Normalisation = option(
    "softmax",
    help="What turns its outputs into initial logits; see `logits.normalise_decisions`.",
  )
  c: float = option(1.0, above=0, help="The SVM's cost of a violation.")
  tol: float | None = option(
    None,
    above=0,
    help="Relative duality gap at which the SVM ends; None: 1e-4 in float32, 1e-8 in "
    "float64.",
  )
  initial_folds: int = option(
    0,
    least=0,
    help="0: initial logits are those of the samples that the classifier was fitted to, "
    "as in the paper; from 2: of samples held out from it, that many fits (`svm` only).",
  )
  evolution: Evolution = option(
    "class_aware",
    help="`class_aware` (Eq. 7); `mixed` (one kernel from samples of all classes, Fig. 8); "
    "`constant` (App. C.2); `full_kernel` (Eq. 6 with the kernel of one drawn head, "
    "O(N^3)); `cross_entropy` (the flow of the cross-entropy loss at the classes' rates, "
    "integrated numerically).",
  )
  t: float = option(1.0, least=0, finite=False, help="Time.")
  eta: float = option(1.0, least=0, finite=False, help="Learning rate.")
  unit: float = option(1e-6, least=0, finite=False, help="Unit of time.")
  time: Literal["absolute", "relative"] = option(
    "absolute",
    help="`absolute`: eta_t = eta t unit. `relative`: eta_t = t / mean rate, so that t "
    "counts the model's own average time constants, and eta and unit have no effect.",
  )
  coefficient: float = option(
    0.5,
    least=0,
    most=1,
    help="Share of the initial logits that evolution `constant` keeps.",
  )
  loss: Loss = option(
    "softmax_cross_entropy",
    help="`softmax_cross_entropy` feeds F_t to the usual loss; `log_probability` reads F_t "
    "as a probability, -mean log F_t[y].",
  )
  feature_scale: FeatureScale = option(
    "none",
    help="What features are divided by before anything else; see `scale_features`.",
  )
  params: Literal["head", "all"] = option(
    "head",
    help="Parameters of the gradient: of the `head` alone, as in the paper, or `all` of "
    "backbone and head, which needs the network itself.",
  )
  spectra: bool | None = option(
    None,
    help="Whether to decompose every class's kernel and return its eigenvalues, whose "
    "means the rates then are; false takes the kernels' traces instead, which is faster "
    "and equal up to rounding. None: wherever heads are drawn.",
  )

  def __post_init__(self) -> None:
    """Checks all values, and which of them go together."""
    super().__post_init__()
    folds = self.initial_folds
    if folds == 1 or (folds and self.classifier != "svm"):
      raise ValueError(
        "initial_folds must be 0, or at least 2 with classifier='svm', got "
        f"{folds} with {self.classifier!r}"
      )
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
    if self.params == "all":
      self._check_whole_network()

  @property
  def decomposes(self) -> bool:
    """Whether kernels are decomposed: not where there are only norms of gradients."""
    if self.rates == "expected" or self.params == "all":
      return False
    return self.spectra is not False

  def _check_whole_network(self) -> None:
    """Refuses what needs more than the norms of the whole network's gradients."""
    if self.rates == "expected" or self.spectra:
      raise ValueError(
        "params='all' needs rates='sampled' and spectra=False: only the norms of the "
        "whole network's gradients are computed"
      )
    if self.evolution == "full_kernel":
      raise ValueError("params='all' has no full kernel: choose another evolution")
    if self.feature_scale != "none":
      raise ValueError(
        "params='all' needs feature_scale='none': the network's own features are "
        "differentiated"
      )


# What a variant changes of the defaults.
VARIANTS: Mapping[Variant, Mapping[str, Any]] = {
  "paper": {},
  "normalised": {"feature_scale": "rms", "time": "relative"},
}


@check_arguments()
def lead_config(variant: Variant = "paper", **overrides: Any) -> LeadConfig:
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
  known = LeadConfig.names()
  if unknown := sorted(set(overrides) - set(known)):
    raise ValueError(f"unknown option {unknown[0]!r} of lead; it has {sorted(known)}")
  return LeadConfig(**{**VARIANTS[variant], **overrides})
