"""The table of published networks."""

from collections.abc import Mapping

from lead_jax.backbones.catalogue import (
  _self_supervised as self_supervised,
  _supervised as supervised,
)
from lead_jax.backbones.catalogue._card import Card

CATALOGUE: Mapping[str, Card] = {
  card.name: card for card in (*supervised.CARDS, *self_supervised.CARDS)
}
ZOOS = ("supervised", "self-supervised")
