"""ONNX operators as JAX functions, one subject per file, and the graph that runs them."""
