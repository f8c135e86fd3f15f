"""How rankings depend on what they are made from: how many samples, what scale."""
