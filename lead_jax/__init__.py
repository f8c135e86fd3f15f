"""Rank pre-trained models by how well they will fine-tune, without fine-tuning them."""
