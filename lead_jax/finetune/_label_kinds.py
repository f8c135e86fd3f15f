"""What is to be learnt of an image: its class, or, where it may be of several, each one.

Labels are class ids, int[N], or whether a sample is of each class, bool[N, K]; what is
done with them follows from their number of axes. A sample of no class is one of none of
them: it pushes every logit down.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

Labels = Int[np.ndarray, " n"] | Bool[np.ndarray, "n k"]


def compact(labels: Labels) -> Labels:
  """The same in the types that are trained on and written: int32, or bool."""
  return labels.astype(np.int32 if labels.ndim == 1 else bool)


def losses(
  logits: Float[Array, "n k"], labels: Int[Array, " n"] | Bool[Array, "n k"]
) -> Float[Array, " n"]:
  """The loss of each sample, in nats.

  Of classes that exclude each other it is softmax cross-entropy. Otherwise each class is
  a sigmoid of its own, and it is binary cross-entropy, averaged over the classes. torch's
  `BCEWithLogitsLoss` averages over samples and classes at once, so the mean of these over
  a batch equals it; the public code of the papers trains VOC2007 by it (`finetune.py` of
  lixiaotong97/PED and of linusericsson/ssl-transfer, `finetune_group1.py` of
  TencentARC/SFDA).
  """
  if labels.ndim == 1:
    chosen = jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    return jax.nn.logsumexp(logits, axis=1) - chosen
  # -log sigmoid(z) of a class that the sample is of, -log sigmoid(-z) of another.
  return jax.nn.softplus(jnp.where(labels, -logits, logits)).mean(axis=1)
