"""Public data on which the defaults are judged: data sets, runs and the report in docs/suite.md."""
