"""Packaging. Ranges here; the versions that were tested together in requirements.txt."""

import pathlib

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION: dict[str, str] = {}
exec((HERE / "lead_jax" / "version.py").read_text(encoding="utf-8"), VERSION)

setup(
  name="lead_jax",
  version=VERSION["__version__"],
  description="Rank pre-trained models for fine-tuning, without fine-tuning them",
  long_description=(HERE / "README.md").read_text(encoding="utf-8"),
  long_description_content_type="text/markdown",
  license="Apache-2.0",
  python_requires=">=3.11,<3.14",
  packages=find_packages(include=["lead_jax", "lead_jax.*"]),
  package_data={
    "": ["*.pyi"],
    "lead_jax.literature": ["tables/*.csv"],
    "lead_jax.report._html": ["*.css", "*.js"],
    "lead_jax.zoo": ["*.safetensors", "*.json", "*.csv"],
  },
  install_requires=[
    "absl-py>=2.1",
    "diffrax>=0.7",
    "flax>=0.12",
    "importlib_resources",  # undeclared need of tensorflow-datasets
    "jax>=0.10,<0.11",
    "jaxlib>=0.10,<0.11",
    "jaxtyping>=0.3",
    "lazy_loader>=0.4",
    "matplotlib>=3.9",
    "neural-tangents==0.6.5",
    "numpy>=2.0",
    "onnx>=1.18",
    "optax>=0.2.5",
    "orbax-checkpoint>=0.12",
    "pillow>=11",
    "rich>=13",
    "safetensors>=0.5",
    "scikit-learn>=1.6",
    "scipy>=1.14",
    "tensorflow>=2.20",
    "tensorflow-datasets>=4.9.9",
    "threadpoolctl>=3.5",
  ],
  extras_require={
    "torch": ["onnxscript>=0.5", "timm>=1.0", "torch>=2.8", "torchvision>=0.23"],
    "dev": [
      "axe-playwright-python>=0.1.4",
      "furo>=2024.8",
      "hypothesis>=6.130",
      "mypy>=1.15",
      "myst-parser>=4",
      "onnxruntime>=1.22",
      "playwright>=1.50",
      "pytest>=8",
      "pytest-xdist>=3.6",
      "ruff>=0.11",
      "sphinx>=8",
    ],
  },
  entry_points={"console_scripts": ["lead-rank = lead_jax.commands.rank:run"]},
)
