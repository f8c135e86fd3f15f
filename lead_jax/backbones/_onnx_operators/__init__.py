"""ONNX operators as JAX functions, one subject a file, and the graph that runs them."""
