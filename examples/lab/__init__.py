"""The laboratory: claims about regularization as short experiments that anyone can run.

Each module is an experiment. `occam lab list` prints their names, `occam lab run NAME` runs one.
"""

from .experiment import Finding, Report, experiments, load

__all__ = ["Finding", "Report", "experiments", "load"]
