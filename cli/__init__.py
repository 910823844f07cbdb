"""The `occam` command: one file for each sub-command."""
