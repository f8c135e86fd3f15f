"""Labelled images from a folder, scikit-learn's digits, npz files and tfds."""

from lead_jax.data.dataset import Dataset, Skipped
from lead_jax.data.digits import load_digits_dataset
from lead_jax.data.folder import load_folder_dataset
from lead_jax.data.load import load_dataset
from lead_jax.data.npz import load_npz_dataset
from lead_jax.data.papers import PAPER_DATASETS, PaperDataset, paper_dataset
from lead_jax.data.tfds import load_tfds_dataset
from lead_jax.labels import encode_labels

__all__ = [
  "PAPER_DATASETS",
  "Dataset",
  "PaperDataset",
  "Skipped",
  "encode_labels",
  "load_dataset",
  "load_digits_dataset",
  "load_folder_dataset",
  "load_npz_dataset",
  "load_tfds_dataset",
  "paper_dataset",
]
