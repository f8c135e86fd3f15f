"""What `python -m experiments.finetune` is made of: settings, work, tables, progress."""
