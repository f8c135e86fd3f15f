"""Attention and rotary position embeddings, as opset 23 and 24 define them."""

import functools
import math
import operator

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._onnx_operators._node import Node, Value


def attention(
  node: Node,
  query: Value,
  key: Value,
  value: Value,
  mask: Value = None,
  past_key: Value = None,
  past_value: Value = None,
  lengths: Value = None,
) -> tuple[jax.Array | None, ...]:
  """Scaled dot-product attention of `[B, H, S, D]` or `[B, S, H D]` arrays.

  Where there are more query heads than key heads, each key head serves a block of
  consecutive query heads. A row whose every key is masked is zero.
  """
  flat = query.ndim == 3
  q = _heads(query, node.get("q_num_heads"))
  k = _heads(key, node.get("kv_num_heads"))
  v = _heads(value, node.get("kv_num_heads"))
  past = 0
  if past_key is not None:
    past = past_key.shape[2]
    k = jnp.concatenate([jnp.asarray(past_key), k], axis=2)
    v = jnp.concatenate([jnp.asarray(past_value), v], axis=2)
  present = (k, v)
  repeats = q.shape[1] // k.shape[1]
  k, v = (jnp.repeat(x, repeats, axis=1) if repeats > 1 else x for x in (k, v))
  scale = node.get("scale")
  root = math.sqrt(1 / math.sqrt(q.shape[-1]) if scale is None else scale)
  wide = jnp.promote_types(q.dtype, jnp.float32)
  scores = jnp.matmul(q * root, jnp.swapaxes(k * root, 2, 3)).astype(wide)
  stages = [scores]
  softcap = node.get("softcap", 0.0)
  if softcap:
    scores = softcap * jnp.tanh(scores / softcap)
  capped = scores
  bias = _bias(node, mask, scores.shape, past, lengths)
  if bias is not None:
    scores = scores + bias.astype(scores.dtype)
  weights = jax.nn.softmax(scores, axis=-1)
  # A softmax over nothing is no number; onnxruntime gives such a row no weight.
  empty = jnp.isneginf(scores).all(-1, keepdims=True)
  weights = jnp.where(empty, jnp.zeros((), weights.dtype), weights)
  stages += [capped, scores, weights]
  y = jnp.matmul(weights.astype(v.dtype), v)
  if flat:
    y = jnp.moveaxis(y, 1, 2).reshape(*query.shape[:2], -1)
  kept = stages[node.get("qk_matmul_output_mode", 0)].astype(q.dtype)
  return (y.astype(query.dtype), *present, kept)


def attention_refuse(node: Node) -> str | None:
  if node.get("softmax_precision", 1) not in (1, 10, 11, 16):
    return f"softmax_precision={node.get('softmax_precision')}"
  scale = node.get("scale")
  return None if scale is None or scale >= 0 else f"scale={scale} below 0"


def _heads(x, heads):
  x = jnp.asarray(x)
  if x.ndim == 4:
    return x
  return jnp.moveaxis(x.reshape(*x.shape[:2], heads, -1), 2, 1)


def _bias(node, mask, sizes, past, lengths):
  """What is added to the scores `[B, H, S, T]`, with four axes; None if nothing is."""
  queries, keys = sizes[-2:]
  column = np.arange(keys).reshape(1, 1, 1, -1)
  place = np.arange(queries).reshape(1, 1, -1, 1) + past
  hidden = []
  if lengths is not None:
    lengths = jnp.asarray(lengths).reshape(-1, 1, 1, 1)
    hidden.append(column >= lengths)
    place = place + lengths - queries
  left, right = node.get("left_window_size", -1), node.get("right_window_size", -1)
  if left >= 0:
    hidden.append(column < place - left)
  if right >= 0:
    hidden.append(column > place + right)
  if node.get("is_causal", 0):
    hidden.append(column > place)
  terms = [jnp.where(unseen, -jnp.inf, 0.0) for unseen in hidden]
  if mask is not None:
    bias = jnp.asarray(mask)
    bias = bias.reshape((1,) * (4 - bias.ndim) + bias.shape)
    if bias.dtype == bool:
      bias = jnp.where(bias, 0.0, -jnp.inf)
    # The mask may end early: the rest is masked.
    widths = [(0, 0)] * 3 + [(0, max(keys - bias.shape[-1], 0))]
    terms.append(jnp.pad(bias, widths, constant_values=-jnp.inf))
  return functools.reduce(operator.add, terms) if terms else None


def rotary_embedding(
  node: Node, x: Value, cosines: Value, sines: Value, positions: Value = None
) -> jax.Array:
  """Turns pairs of features by an angle that grows with the position."""
  sizes = x.shape
  x = _heads(x, node.get("num_heads"))
  if positions is not None:
    cosines, sines = (jnp.asarray(c)[jnp.asarray(positions)] for c in (cosines, sines))
  turned = node.get("rotary_embedding_dim", 0) or x.shape[-1]
  half = turned // 2
  cosines, sines = (jnp.asarray(c)[:, None, :, :half] for c in (cosines, sines))
  part, rest = x[..., :turned], x[..., turned:]
  if node.get("interleaved", 0):
    a, b = part[..., 0::2], part[..., 1::2]
  else:
    a, b = part[..., :half], part[..., half:]
  real, imaginary = cosines * a - sines * b, sines * a + cosines * b
  if node.get("interleaved", 0):
    part = jnp.stack([real, imaginary], axis=-1).reshape(part.shape)
  else:
    part = jnp.concatenate([real, imaginary], axis=-1)
  y = jnp.concatenate([part, rest], axis=-1).astype(x.dtype)
  return y if len(sizes) == 4 else jnp.moveaxis(y, 1, 2).reshape(sizes)
