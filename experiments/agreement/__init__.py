"""Our values beside those of public implementations."""
