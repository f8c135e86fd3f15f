"""How the bundled digits zoo is made: data, pre-training, fine-tuning, files."""
