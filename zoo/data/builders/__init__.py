"""Data sets that are made on the spot, each a versioned TensorFlow Datasets builder."""
