"""The version, read by `setup.py` and written into every report."""

__version__ = "0.1.0"
