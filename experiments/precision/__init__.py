"""Every metric in float32 beside float64, on features that are hard to compute with."""
