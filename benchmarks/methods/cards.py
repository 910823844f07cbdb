"""What to know of each method before using it: its equation, when it helps, what goes wrong."""

from dataclasses import dataclass

__all__ = ["CARDS", "Card"]


@dataclass(frozen=True)
class Card:
    """The part of a method's card that cannot be measured.

    Args:
        title: the method's usual name.
        part: the class that does it, as it is imported.
        equation: what it adds or changes, in the reference's symbols.
        use: when to use it.
        traps: what goes wrong with it.
    """

    title: str
    part: str
    equation: str
    use: str
    traps: str


CARDS = {
    "l1": Card(
        "L1 penalty",
        "zoo.regularizers.L1",
        "loss + lambda_1 * sum over kernels of sum |W|",
        "Few of many inputs matter, or zeros are wanted.",
        "A gradient step leaves no weight at exactly zero: that takes a proximal step. Choose it "
        "by the data loss, because the loss contains it.",
    ),
    "l2": Card(
        "L2 penalty",
        "zoo.regularizers.L2",
        "loss + lambda_2 * sum over kernels of sum W^2",
        "Almost always as a small one; the more so, the fewer the samples.",
        "With Adam it is not weight decay: the step divides its gradient by its size. Before "
        "BatchNorm it changes the effective learning rate and not the function.",
    ),
    "group_lasso": Card(
        "Group lasso",
        "zoo.regularizers.GroupLasso",
        "loss + lambda_g * sum over kernels, units u of sqrt(n) * |W_u|_2",
        "Whole units are to go, so that the model becomes smaller.",
        "As with L1, zeros take a proximal step. A unit followed by BatchNorm is scaled up again.",
    ),
    "orthogonal": Card(
        "Orthogonality penalty",
        "zoo.regularizers.Orthogonal",
        "loss + lambda_o * sum over kernels of mean over pairs u < v of |cos(W_u, W_v)|",
        "Units that learn the same, deep networks without normalization.",
        "More units than inputs cannot all be orthogonal. The cost rises with the square of the "
        "number of units.",
    ),
    "hoyer": Card(
        "Hoyer-Square penalty",
        "zoo.regularizers.Hoyer",
        "loss + lambda_h * sum over kernels of (sum |W|)^2 / sum W^2",
        "Sparsity without shrinking the weights that stay.",
        "Not convex; it grows with the number of weights, so one strength does not fit all layers.",
    ),
    "activity_l1": Card(
        "L1 activity penalty",
        "keras.layers.Activation(activity_regularizer=zoo.regularizers.L1)",
        "loss + alpha_1 * sum over hidden activations of |h| / N",
        "Sparse codes: few units are to answer to a sample.",
        "Keras divides it by the batch size N (since January 2026). Its sum grows with the size "
        "of a feature map.",
    ),
    "activity_l2": Card(
        "L2 activity penalty",
        "keras.layers.Activation(activity_regularizer=zoo.regularizers.L2)",
        "loss + alpha_2 * sum over hidden activations of h^2 / N",
        "Activations that grow, recurrent networks.",
        "As for the L1 activity penalty. Never on the logits.",
    ),
    "weight_decay": Card(
        "Decoupled weight decay",
        "zoo.optimizers.AdamW",
        "W <- (1 - eta * lambda) W, then Adam's step",
        "With Adam, in place of an L2 penalty.",
        "It acts through the learning rate eta: a small one needs a large lambda. Keras' AdamW "
        "decays biases and normalization, too, and forgets an exclusion when saved.",
    ),
    "max_norm": Card(
        "Max-norm constraint",
        "keras.constraints.MaxNorm",
        "|W_u|_2 <= c for each unit u, by projection after each update",
        "With dropout and large learning rates.",
        "A smaller c is the stronger one. Scaling a kernel before BatchNorm changes nothing.",
    ),
    "sam_rho": Card(
        "Sharpness-aware minimization",
        "zoo.SharpnessAware",
        "W <- optimizer(grad L(W + e)),  e = rho * g / |g|_2,  g = grad L(W)",
        "Overparameterized models that reach a training loss of zero; noisy labels.",
        "Two gradients a step, one after the other. A large rho keeps the model from fitting.",
    ),
    "dropout": Card(
        "Dropout",
        "zoo.layers.Dropout",
        "y = x * m / (1 - rate),  m ~ Bernoulli(1 - rate)",
        "Wide dense layers, and before the head.",
        "Directly before BatchNorm it shifts the statistics between training and inference. Two "
        "layers of Keras with one seed draw one mask; ours do not.",
    ),
    "spatial_dropout": Card(
        "Spatial dropout",
        "zoo.layers.SpatialDropout",
        "y = x * m / (1 - rate),  m ~ Bernoulli(1 - rate) for each channel of each sample",
        "Feature maps, whose neighbours are alike, so that dropping single values does little.",
        "Few channels: with 16 of them, a rate of 0.1 already takes one or two away.",
    ),
    "drop_block": Card(
        "DropBlock",
        "zoo.layers.DropBlock",
        "y = x * m * count(m) / sum(m),  m = 0 in blocks of side b at random places",
        "Large feature maps; raise the rate during training.",
        "Blocks of the zoo's models have a quarter of the shortest side, at most 7: on maps of "
        "less than 8 pixels or steps that is one, as in dropout.",
    ),
    "drop_connect": Card(
        "DropConnect",
        "zoo.layers.DropConnect",
        "y = layer(x; W * M / (1 - rate)),  M ~ Bernoulli(1 - rate) for each weight",
        "Where dropout helps, as a variant; few large layers.",
        "One mask serves a whole batch, so its noise does not average out within a step.",
    ),
    "stochastic_depth": Card(
        "Stochastic depth",
        "zoo.layers.StochasticDepth, zoo.layers.ResidualBranch",
        "y = x + b * f(x) / (1 - rate_l),  b ~ Bernoulli(1 - rate_l),  rate_l rising to the last",
        "Deep residual networks; skipping whole batches makes a step cheaper as well.",
        "A few blocks leave nothing to drop. The last block has exactly the stated rate.",
    ),
    "noise": Card(
        "Gaussian noise on the inputs",
        "zoo.layers.GaussianNoise",
        "x <- x + sigma * e,  e ~ Normal(0, 1)",
        "Tables and series of measurements; about a penalty on the steepness of the function.",
        "sigma is in the unit of the inputs: standardize them first.",
    ),
    "augmentation": Card(
        "Augmentation",
        "zoo.augmentation.resolve_augmentation",
        "x <- T(x), T drawn anew for each sample",
        "Whenever it is known which changes leave the class as it is: first of all methods.",
        "A change that changes the class (a mirrored letter). Keras' own layers augment by "
        "default, and an exported model with them does so with every request.",
    ),
    "mixup": Card(
        "Mixup",
        "zoo.augmentation.MixUp",
        "x <- l x + (1 - l) x',  y <- l y + (1 - l) y',  l ~ Beta(alpha, alpha)",
        "Images and series, many epochs; it calibrates, too.",
        "The training accuracy is that of mixed labels and says little. Labels become soft: a loss "
        "for integers does not take them.",
    ),
    "cutmix": Card(
        "CutMix",
        "zoo.augmentation.CutMix",
        "x <- x' inside of a box, y <- k y + (1 - k) y',  k = the share outside",
        "Images and series where a part of a sample shows its class.",
        "Not for tables. The share must be that of the box after clipping, at small sizes above "
        "all.",
    ),
    "label_smoothing": Card(
        "Label smoothing",
        "zoo.augmentation.LabelSmoothing",
        "y <- (1 - epsilon) y + epsilon / classes",
        "Many classes, wrong labels, overconfidence.",
        "As an argument of a loss it smooths the validation loss, too. With mixup or a teacher's "
        "labels it is done twice.",
    ),
}
