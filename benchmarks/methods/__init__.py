"""Each method of regularization alone: trained, measured, drawn, and written to docs/methods.md."""
