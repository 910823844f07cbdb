"""The `occam` command: one file a sub-command, nothing but glue."""
