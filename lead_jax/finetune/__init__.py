"""Ground truth: fine-tuning, the papers' protocol and others, resumable."""
