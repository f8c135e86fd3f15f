"""Package data: the bundled digits zoo, made by `experiments/pretrain_digits.py`."""
