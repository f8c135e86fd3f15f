"""What fine-tuned networks are measured by, all in percent; larger is better.

* `top1`: share of samples whose largest logit is their class's.
* `per_class`: the same within each class, averaged over classes.
* `map`: average precision of each class against the others, averaged over classes; the
  area under the curve of precision over recall, as scikit-learn has it.
* `map11`: the same by PASCAL VOC 2007's rule: precision at recall 0, 0.1 .. 1, each the
  largest at that recall or beyond. Of the papers (`voc_ap` in `finetune.py` of
  lixiaotong97/PED, and in linusericsson/ssl-transfer), but for one point: their curve
  begins with scikit-learn's point of precision 1 at recall 0, so a class whose
  best-ranked sample is no hit gets up to 1 / 11 more.

Classes without a sample are left out of the means. Where a sample may be of several
classes there is no class that is its own, and `map` and `map11` are all there is.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from lead_jax.finetune._label_kinds import Labels

Classes = Int[np.ndarray, " n"]
Scores = Float[np.ndarray, "n k"]


def top1(logits: Scores, labels: Classes) -> float:
  """Accuracy in percent; of tied logits the first class counts."""
  return 100 * float(np.mean(logits.argmax(axis=1) == labels))


def per_class(logits: Scores, labels: Classes) -> float:
  """Mean over classes of the accuracy within the class, in percent."""
  right = logits.argmax(axis=1) == labels
  return 100 * float(np.mean([right[labels == c].mean() for c in np.unique(labels)]))


def mean_average_precision(
  scores: Scores, targets: Bool[np.ndarray, "n k"], *, eleven_points: bool = False
) -> float:
  """Mean over classes of the average precision, in percent.

  Args:
    scores: Larger for samples that are more likely of a class; compared within a class.
    targets: Whether a sample is of a class; it may be of several, or of none.
    eleven_points: VOC 2007's rule; the area otherwise.

  Returns:
    In `(0, 100]`; classes without a sample are left out.

  Raises:
    ValueError: If there is no sample of any class, or shapes differ.

  References:
    Everingham et al., `The PASCAL Visual Object Classes Challenge
    <https://link.springer.com/article/10.1007/s11263-009-0275-4>`_, 2010, Sec. 4.2.
  """
  if scores.shape != targets.shape or not targets.any():
    raise ValueError(
      "targets must have the shape of scores and a sample of at least one class, got "
      f"{targets.shape} with {int(targets.sum())} and {scores.shape}"
    )
  values = [
    _average_precision(scores[:, c], targets[:, c], eleven_points)
    for c in np.flatnonzero(targets.any(axis=0))
  ]
  return 100 * float(np.mean(values))


def accuracy_measures(logits: Scores, labels: Labels) -> dict[str, float]:
  """All measures that there are of such labels, rounded to a ten-thousandth of a point.

  Average precision of classes that exclude each other takes softmax probabilities: a
  logit has no meaning by itself, since a constant added to all logits of a sample changes
  nothing. Where a sample may be of several it takes the logits as they are: each class
  has its own sigmoid, which leaves their order alone.
  """
  scores = logits = np.asarray(logits, np.float64)
  targets, found = labels, {}
  if labels.ndim == 1:
    shifted = logits - logits.max(axis=1, keepdims=True)
    scores = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    targets = labels[:, None] == np.arange(logits.shape[1])[None]
    found = {"top1": top1(logits, labels), "per_class": per_class(logits, labels)}
  found["map"] = mean_average_precision(scores, targets)
  found["map11"] = mean_average_precision(scores, targets, eleven_points=True)
  return {name: round(value, 4) for name, value in found.items()}


def _average_precision(
  scores: Float[np.ndarray, " n"], targets: Bool[np.ndarray, " n"], eleven: bool
) -> float:
  order = np.argsort(-scores, kind="stable")
  scores, targets = scores[order], targets[order]
  # Tied samples come together: one point of the curve, behind the last of them.
  ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
  hits = np.cumsum(targets)[ends]
  precision, recall = hits / (ends + 1), hits / hits[-1]
  if not eleven:
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
  # Recall is a multiple of 1 / number of positives: compared in whole numbers.
  return float(np.mean([precision[10 * hits >= t * hits[-1]].max() for t in range(11)]))
