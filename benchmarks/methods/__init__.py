"""Measure each regularization method alone, draw it, and write docs/methods.md."""
