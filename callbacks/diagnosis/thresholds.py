"""The thresholds of the rules, with their reasons.

Values are in the units of `Curves`: 1 is the loss of a constant prediction, 0 is all that can be
learned.
"""

__all__ = [
    "EXPLODED",
    "FALLING",
    "GAP",
    "HIGH",
    "LEARNED",
    "POWER",
    "PRESENT",
    "RISE",
    "RISE_LEAST",
    "RISE_NOISE",
    "SOON",
    "STRONG",
    "TARGET",
    "UNSTABLE",
    "WIDE",
]

# Twice the loss of a constant prediction is worse than to have learned nothing. A healthy training
# is below it within a few epochs, since the output's bias is enough for that; before this many the
# loss must have risen, because a bad initialization begins high, too.
EXPLODED = 2.0
SOON = 5

# A rise of the training loss itself by a tenth of the range. Overfitting lowers it, and the noise
# of batches is less after medians.
UNSTABLE = 0.1

# Below 5% explained, the labels' frequencies are most of what the model knows.
LEARNED = 0.05

# A training loss above half the range: what is missing is on the training side, whatever the gap
# is. With noisy labels even the best model is high; then `irreducible` is not 0.
HIGH = 0.5

# Of the range, in the last quarter of the epochs: at that pace a run twice as long would explain
# another 8%, which is worth it.
FALLING = 0.02

# Of the least validation loss: Prechelt's generalization loss of 5, the largest that he stops at.
# Of the range: from 0.001 to 0.002 is a rise that nobody needs to hear of. And of the noise: the
# least of many noisy values is about that far below them.
RISE = 0.05
RISE_LEAST = 0.01
RISE_NOISE = 3.0

# A tenth of the range is learned on the training data and lost on others. From a quarter on, the
# first correction is the larger one.
GAP = 0.1
WIDE = 0.25

# A quarter of what is minimized is regularization and no longer the data: to add as much again
# would move the fit itself.
STRONG = 0.25

# In underfitting any share counts: a penalty that is too strong shrinks the weights and with them
# itself. Of an mlp on mnist1d with l2 = 0.1, which explains 18%, it is 15% of the loss.
PRESENT = 0.01

# The penalty's part of the loss to go back to, or less: at most a tenth of the strength is left.
TARGET = 0.1

# Training and validation loss approach a common limit from both sides, as a power of the sample
# size (Cortes et al. 1993), which theory puts between 1/2 and 1. The smaller one promises less.
POWER = 0.5
