"""`python -m experiments.describe_metrics`: the table of metrics as `docs/metrics.md`."""

import sys
from collections.abc import Sequence

from absl import flags

from lead_jax.checks import parameter
from lead_jax.commands import run_script
from lead_jax.metrics import METRICS, Metric

FLAGS = flags.FlagValues()
_PAGE = flags.DEFINE_string(
  "page", "docs/metrics.md", "File to write.", flag_values=FLAGS
)

_HEAD = """# Metrics

Written by `python -m experiments.describe_metrics` from `lead_jax/metrics/_table.py`;
do not edit. **Larger is better in all of them.** Use any by
`lead-rank --metrics=NAME,NAME` (or `all`), its options by `--option=NAME.OPTION=VALUE`, or
`lead_jax.score("NAME", features, labels, OPTION=VALUE)`. Equations and papers stand at the
head of each method's file in `lead_jax/metrics/`. A metric of your own is
`lead_jax.metrics.Metric(name, compute)`, or `Metric.of(function)`; name it `module:NAME`,
or offer it under the entry-point group `lead_jax.metrics`.

What a column says:

- **needs**: arrays beside features and labels, given to `score` by these names.
  `source_probs` are taken from the network's own classifier, where it has one;
  `reference_features` from the model named by `--reference`; `source_features` from the
  images named by `--source_data`. In brackets: looked at where it is there.
- **pool**: the score depends on the other models of the run. Alone, by `score`, a model
  gets an unscaled stand-in; `score_pool` compares several.
- **least**: samples of the smallest class, and N / D, below which the row's status warns.
- **cost**: leading terms; N samples, D features, K classes, S samples per class, H the
  widths of LEAD's head, Z source classes, C mixture components, P components of a PCA.
"""

_OPTIONS = """
## Options

Give them by `--option=NAME.OPTION=VALUE`, or as keywords of `lead_jax.score`. Options of
several metrics with one name are the same option.
"""

_OFFICIAL = """\
## Which published numbers used which variant

Public implementations are what published tables were made with. Where one is numerically
wrong, the default here is the right mathematics and `variant="official"` gives theirs;
[agreement.md](agreement.md) holds the numbers.
"""

# Name, what the public code does, whose tables it made.
_VARIANTS = (
  (
    "`logme`",
    "leaves the D - k zero singular values out of the log-determinant where D > N (too "
    "large by mean_c (D - k) / (2 N) log alpha_c); no difference for N >= D",
    "thuml/LogME; SFDA, ETran and PED took its code",
  ),
  (
    "`parc`",
    "ranks the labels' dissimilarities with the rounding errors of a matrix product, "
    "which split what should be two groups of ties: up to 2.5 of 100 on our cases",
    "dbolya/parc: PARC; SFDA took its code",
  ),
  (
    "`gbc`",
    "leaves the factor D out of the log term of the spherical Bhattacharyya distance",
    "google-research/stable_transfer: the GBC paper",
  ),
  (
    "`sfda`",
    "takes the largest eigenvalue of the within-class scatter from three double power "
    "iterations",
    "TencentARC/SFDA: SFDA, PED and LEAD's baseline",
  ),
  (
    "`etran_lda`, `etran`",
    "projects by orthonormal directions, since `eigh` was given a matrix that is not "
    "symmetric: nearest class mean without whitening",
    "mgholamikn/ETran",
  ),
  (
    "`evaluation.weighted_pearson`",
    "weights models by their place in the list, not by their true rank",
    "TencentARC/SFDA: r_w in its tables",
  ),
)


def _row(metric: Metric) -> str:
  needs = [" or ".join(f"`{n}`" for n in need.split("|")) for need in metric.needs]
  needs += [f"(`{use}`)" for use in metric.uses]
  least = [f"{metric.least_per_class} per class"] if metric.least_per_class > 1 else []
  least += [f"N/D {metric.least_ratio:g}"] if metric.least_ratio else []
  cells = (
    f"`{metric.name}`",
    _escaped(metric.description),
    metric.unit,
    " ".join(needs) or "–",
    "yes" if metric.pool else "–",
    "yes" if metric.random else "–",
    ", ".join(least) or "–",
    metric.cost,
    " ".join(f"`{name}`" for name in metric.options.names()) or "–",
  )
  return f"| {' | '.join(cells)} |"


def _options(metric: Metric) -> list[str]:
  """The options of one metric; those of another with the same are not written again."""
  lines = [f"### `{metric.name}`", ""]
  same = next(each for each in METRICS.values() if each.options is metric.options)
  if not metric.options.names():
    return [*lines, "No options.", ""]
  if same is not metric:
    lines += [f"As `{same.name}`:", ""]
  lines += ["| option | default | allowed | what it does |", "|---" * 4 + "|"]
  for option in metric.options.described():
    allowed = f"{option.kind}, {option.bound}" if option.bound else option.kind
    cells = (
      f"`{option.name}`",
      f"`{option.default!r}`",
      _escaped(allowed),
      _escaped(option.help),
    )
    lines.append(f"| {' | '.join(cells)} |")
  return [*lines, ""]


def _escaped(text: str) -> str:
  return text.replace("|", "\\|")


def page() -> str:
  """Returns the page."""
  rows = [_row(metric) for metric in METRICS.values()]
  head = "| name | what | unit | needs | pool | random | least | cost | options |"
  variants = [f"| {' | '.join(row)} |" for row in _VARIANTS]
  lines = [_HEAD, head, "|---" * 9 + "|", *rows, _OPTIONS]
  for metric in METRICS.values():
    lines += _options(metric)
  lines += [_OFFICIAL]
  lines += ["| what | the public code | who used it |", "|---" * 3 + "|", *variants]
  return "\n".join(lines) + "\n"


def write() -> str:
  """Writes the page; returns where it is."""
  from lead_jax.system import write_text

  write_text(_PAGE.value, page(), remedy=f"give another {parameter('page')}")
  return f"Written: {_PAGE.value}\n"


def main(argv: Sequence[str]) -> int:
  """Runs the script; returns its exit code."""
  return run_script(FLAGS, "experiments.describe_metrics", __doc__, write, argv)


if __name__ == "__main__":
  sys.exit(main(sys.argv))
