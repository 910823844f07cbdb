"""Evaluation: what a model is worth on data that it has not seen, and how sure it should be."""

from .answers import PredictiveDistribution
from .attacked import Robustness
from .bootstrap import Interval, bootstrap_replicates
from .calibration import Calibration, adaptive_calibration_error, brier_score
from .conformal import Conformal, conformal_threshold, prediction_sets
from .ensemble import ensemble_predict
from .evaluate import evaluate
from .evaluation import Evaluation, Uncertainty
from .inference import InferenceCheck, InferenceReport, check_inference
from .label_sets import label_sets
from .monte_carlo import mc_predict
from .outliers import OutlierDetection, detect_outliers, energy
from .selective import RiskCoverage, risk_coverage
from .weights import KernelStatistics, weight_statistics

__all__ = [
    "Calibration",
    "Conformal",
    "Evaluation",
    "InferenceCheck",
    "InferenceReport",
    "Interval",
    "KernelStatistics",
    "OutlierDetection",
    "PredictiveDistribution",
    "RiskCoverage",
    "Robustness",
    "Uncertainty",
    "adaptive_calibration_error",
    "bootstrap_replicates",
    "brier_score",
    "check_inference",
    "conformal_threshold",
    "detect_outliers",
    "energy",
    "ensemble_predict",
    "evaluate",
    "label_sets",
    "mc_predict",
    "prediction_sets",
    "risk_coverage",
    "weight_statistics",
]
