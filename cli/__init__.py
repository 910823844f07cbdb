"""The `occam` command: one file per sub-command, only glue."""
