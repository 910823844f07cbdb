"""Cards of the regularization methods: equation, when to use it, pitfalls."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """The text of a method's card, beside the measured figures.

    Args:
        title: Usual name of the method.
        part: Class that implements it, as it is imported.
        equation: What it adds or changes, in the symbols of the reference.
        use: When to use it.
        pitfalls: What goes wrong with it.
    """

    title: str
    part: str
    equation: str
    use: str
    pitfalls: str


CARDS = {
    "l1": Card(
        "L1 penalty",
        "zoo.regularizers.L1",
        "loss + lambda_1 * sum over kernels of sum |W|",
        "Few of many inputs matter, or you want zeros.",
        "Gradient steps leave no weight at exactly zero; use a proximal step. Choose the strength "
        "by the data loss, because the loss contains the penalty.",
    ),
    "l2": Card(
        "L2 penalty",
        "zoo.regularizers.L2",
        "loss + lambda_2 * sum over kernels of sum W^2",
        "Almost always, with a small strength. It helps more with fewer samples.",
        "With Adam it differs from weight decay, because Adam divides the gradient by its size. "
        "Before BatchNorm it changes the effective learning rate, not the function.",
    ),
    "group_lasso": Card(
        "Group lasso",
        "zoo.regularizers.GroupLasso",
        "loss + lambda_g * sum over kernels, units u of sqrt(n) * |W_u|_2",
        "You want to remove whole units to make the model smaller.",
        "As with L1, exact zeros require a proximal step. BatchNorm after a unit scales it up "
        "again.",
    ),
    "orthogonal": Card(
        "Orthogonality penalty",
        "zoo.regularizers.Orthogonal",
        "loss + lambda_o * sum over kernels of mean over pairs u < v of |cos(W_u, W_v)|",
        "Units learn the same features; deep networks without normalization.",
        "More units than inputs cannot all be orthogonal. The cost grows with the square of the "
        "number of units.",
    ),
    "hoyer": Card(
        "Hoyer-Square penalty",
        "zoo.regularizers.Hoyer",
        "loss + lambda_h * sum over kernels of (sum |W|)^2 / sum W^2",
        "You want sparsity without shrinking the remaining weights.",
        "It is not convex. It grows with the number of weights, so one strength does not fit all "
        "layers.",
    ),
    "activity_l1": Card(
        "L1 activity penalty",
        "keras.layers.Activation(activity_regularizer=zoo.regularizers.L1)",
        "loss + alpha_1 * sum over hidden activations of |h| / N",
        "Sparse codes, where few units respond to a sample.",
        "Keras divides it by the batch size N (since January 2026). Its sum grows with the size "
        "of the feature map.",
    ),
    "activity_l2": Card(
        "L2 activity penalty",
        "keras.layers.Activation(activity_regularizer=zoo.regularizers.L2)",
        "loss + alpha_2 * sum over hidden activations of h^2 / N",
        "Growing activations, recurrent networks.",
        "Those of the L1 activity penalty. Never apply it to the logits.",
    ),
    "weight_decay": Card(
        "Decoupled weight decay",
        "zoo.optimizers.AdamW",
        "W <- (1 - eta * lambda) W, then Adam's step",
        "With Adam, instead of an L2 penalty.",
        "It acts through the learning rate eta: a small eta needs a large lambda. Keras' AdamW "
        "also decays biases and normalization, and saving loses exclusions.",
    ),
    "max_norm": Card(
        "Max-norm constraint",
        "keras.constraints.MaxNorm",
        "|W_u|_2 <= c for each unit u, by projection after each update",
        "With dropout and large learning rates.",
        "Smaller values of c regularize more. Before BatchNorm, scaling a kernel changes nothing.",
    ),
    "sam_rho": Card(
        "Sharpness-aware minimization",
        "zoo.SharpnessAware",
        "W <- optimizer(grad L(W + e)),  e = rho * g / |g|_2,  g = grad L(W)",
        "Overparameterized models that reach a training loss of zero; noisy labels.",
        "Each step computes two gradients, one after the other. A large rho prevents the model "
        "from fitting.",
    ),
    "dropout": Card(
        "Dropout",
        "zoo.layers.Dropout",
        "y = x * m / (1 - rate),  m ~ Bernoulli(1 - rate)",
        "Wide dense layers, and before the head.",
        "Directly before BatchNorm it makes the statistics differ between training and inference. "
        "Two Keras layers with the same seed draw the same mask; ours do not.",
    ),
    "spatial_dropout": Card(
        "Spatial dropout",
        "zoo.layers.SpatialDropout",
        "y = x * m / (1 - rate),  m ~ Bernoulli(1 - rate) for each channel of each sample",
        "Feature maps. Neighboring values are similar, so dropping single values has little "
        "effect.",
        "Few channels: with 16 channels, a rate of 0.1 already drops one or two.",
    ),
    "drop_block": Card(
        "DropBlock",
        "zoo.layers.DropBlock",
        "y = x * m * count(m) / sum(m),  m = 0 in blocks of side b at random places",
        "Large feature maps. Increase the rate during training.",
        "In the zoo's models, blocks have a quarter of the shortest side, at most 7. On maps with "
        "fewer than 8 pixels or steps the side is 1, as in dropout.",
    ),
    "drop_connect": Card(
        "DropConnect",
        "zoo.layers.DropConnect",
        "y = layer(x; W * M / (1 - rate)),  M ~ Bernoulli(1 - rate) for each weight",
        "As a variant where dropout helps; few large layers.",
        "The whole batch shares one mask, so the noise does not average out within a step.",
    ),
    "stochastic_depth": Card(
        "Stochastic depth",
        "zoo.layers.StochasticDepth, zoo.layers.ResidualBranch",
        "y = x + b * f(x) / (1 - rate_l),  b ~ Bernoulli(1 - rate_l),  rate_l rising to the last",
        "Deep residual networks. Skipping a branch for whole batches also makes steps cheaper.",
        "Networks with few blocks have little to drop. The last block has exactly the given rate.",
    ),
    "noise": Card(
        "Gaussian noise on the inputs",
        "zoo.layers.GaussianNoise",
        "x <- x + sigma * e,  e ~ Normal(0, 1)",
        "Tables and series of measurements. It acts roughly like a penalty on the slope of the "
        "function.",
        "sigma is in the unit of the inputs: standardize them first.",
    ),
    "augmentation": Card(
        "Augmentation",
        "zoo.augmentation.resolve_augmentation",
        "x <- T(x), T drawn anew for each sample",
        "Whenever you know which changes preserve the class. Try it before all other methods.",
        "Changes that alter the class, such as mirroring a letter. Keras' own layers augment by "
        "default, so an exported model that contains them augments every request.",
    ),
    "mixup": Card(
        "Mixup",
        "zoo.augmentation.MixUp",
        "x <- l x + (1 - l) x',  y <- l y + (1 - l) y',  l ~ Beta(alpha, alpha)",
        "Images and series, with many epochs. It also improves calibration.",
        "Training accuracy is measured on mixed labels and says little. Labels become soft, so a "
        "loss for integer labels does not accept them.",
    ),
    "cutmix": Card(
        "CutMix",
        "zoo.augmentation.CutMix",
        "x <- x' inside a box,  y <- k y + (1 - k) y',  k = the share outside",
        "Images and series where a part of a sample shows its class.",
        "Not for tables. The share must be that of the box after clipping, which matters most at "
        "small sizes.",
    ),
    "label_smoothing": Card(
        "Label smoothing",
        "zoo.augmentation.LabelSmoothing",
        "y <- (1 - epsilon) y + epsilon / classes",
        "Many classes, wrong labels, overconfidence.",
        "As an argument of a loss it also smooths the validation loss. Combined with mixup or a "
        "teacher's labels, it smooths twice.",
    ),
}
