"""Hyper-parameters of the experiments, as frozen dataclasses."""
