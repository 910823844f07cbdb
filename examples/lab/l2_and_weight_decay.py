"""L2 is weight decay under SGD, and not under Adam.

Claim: The gradient of lambda |w|^2 is 2 lambda w, so an SGD step with L2 is
`w <- (1 - 2 alpha lambda) w - alpha grad`: weight decay. Adam divides the whole gradient by its
root mean square, so that L2 decays weights with large gradients less. AdamW decays all by the same
fraction.

Reference: Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019,
https://arxiv.org/abs/1711.05101

Time: 11 seconds on two shared cores.

Expected: Under SGD, L2 and weight decay train the same weights to float precision. Under Adam, they
part at once, and what L2 takes from a weight falls as its gradients grow.
"""

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from occam import zoo

from .experiment import Finding, Report

L2, RATE = 0.01, {"SGD": 0.1, "Adam": 0.005}
LOSING = 100  # steps in which weights are lost to the penalty


def run(*, small=False):
    steps = 20 if small else 300
    one_step = step_by_hand()
    apart = {name: distances(name, steps) for name in RATE}
    sizes = np.geomspace(0.01, 10, 7 if small else 25)
    lost = {name: fraction_lost(name, sizes, steps=LOSING) for name in OPTIMIZERS}
    spread = {name: v.max() / v.min() for name, v in lost.items()}
    sgd, adam = apart["SGD"].max(), apart["Adam"][-1]
    findings = (
        Finding(
            "one SGD step with L2 - the equation: largest difference",
            "below 1e-7", f"{one_step:.1e}", one_step < 1e-7,
        ),
        Finding(
            f"SGD, {steps} steps: L2 against weight decay, relative distance",
            "below 1e-5", f"{sgd:.1e}", sgd < 1e-5,
        ),
        Finding(
            f"Adam, {steps} steps: L2 against weight decay, relative distance",
            "above 0.01", f"{adam:.3f}", adam > 0.01,
        ),
        Finding(
            "SGD + L2: weight lost, largest / smallest over gradients of 0.01 to 10",
            "1", f"{spread['SGD + L2']:.4f}", spread["SGD + L2"] < 1.001,
        ),
        Finding("AdamW: the same", "1", f"{spread['AdamW']:.4f}", spread["AdamW"] < 1.001),
        Finding(
            "Adam + L2: the same", "above 100", f"{spread['Adam + L2']:.0f}",
            spread["Adam + L2"] > 100,
        ),
    )  # fmt: skip
    return Report(findings, picture(apart, sizes, lost))


def network(optimizer, *, l2=0.0):
    """Return an MLP whose kernels have the penalty; the seed gives the same initial weights."""
    model = zoo.create_model(
        "mlp",
        input_shape=(64,),
        num_classes=10,
        regularization=zoo.Regularization(l2=l2),
        seed=0,
        units=(32,),
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False)
    return model


def kernels(model):
    return np.concatenate([np.ravel(v) for v in model.trainable_variables if v.name == "kernel"])


def digits(steps, batch=64):
    """Yield the same batches each time."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        rows = rng.integers(len(x), size=batch)
        yield (x[rows] / 16).astype("float32"), y[rows]


def step_by_hand():
    """Return the largest difference of an SGD step with L2 from the equation, in NumPy."""
    rate = RATE["SGD"]
    without, penalized = (network(keras.optimizers.SGD(rate), l2=l2) for l2 in (0.0, L2))
    start = kernels(without)
    for x, y in digits(1):
        without.train_on_batch(x, y)
        penalized.train_on_batch(x, y)
    gradient = (start - kernels(without)) / rate
    by_hand = (1 - 2 * rate * L2) * start - rate * gradient
    return np.abs(kernels(penalized) - by_hand).max()


def distances(name, steps):
    """Return |w_L2 - w_decay| / |w_decay| after each step of two trainings on the same batches."""
    rate = RATE[name]
    # Keras decays by  w <- w - rate * weight_decay * w.
    decay = getattr(keras.optimizers, name)(rate, weight_decay=2 * L2)
    decay.exclude_from_weight_decay(var_names=["bias"])  # the penalty is on kernels only, too
    decayed = network(decay)
    penalized = network(getattr(keras.optimizers, name)(rate), l2=L2)
    apart = []
    for x, y in digits(steps):
        decayed.train_on_batch(x, y)
        penalized.train_on_batch(x, y)
        w = kernels(decayed)
        apart.append(np.linalg.norm(kernels(penalized) - w) / np.linalg.norm(w))
    return np.array(apart)


OPTIMIZERS = {
    "SGD + L2": lambda: keras.optimizers.SGD(0.005),
    "Adam + L2": lambda: keras.optimizers.Adam(0.005),
    "AdamW": lambda: zoo.optimizers.AdamW(0.005, weight_decay=2 * L2),
}


def fraction_lost(name, sizes, *, steps):
    """Return the fraction of each weight that is lost to L2 or to weight decay.

    All weights start at 1 and get gradients of random signs and a size of their own. The mean over
    the signs and the opposite signs is 1 without a penalty.
    """
    signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(steps, 1, 1)) * [[1.0], [-1.0]]
    optimizer = OPTIMIZERS[name]()
    w = keras.Variable(np.ones((2, len(sizes))), dtype="float32", name="w")
    for sign in signs:
        gradient = keras.ops.convert_to_tensor(sizes * sign, "float32")
        optimizer.apply([gradient + 2 * L2 * w if "L2" in name else gradient], [w])
    return 1 - np.array(keras.ops.convert_to_numpy(w), "float64").mean(axis=0)


def picture(apart, sizes, lost):
    figure = Figure(figsize=(10, 4), layout="constrained")
    distance, fraction = figure.subplots(1, 2)
    for color, (name, values) in zip(("C0", "C3"), apart.items(), strict=True):
        distance.plot(np.arange(1, len(values) + 1), values, color=color, label=name)
    distance.axhline(np.finfo("float32").eps, color="0.7", ls=":", label="float32 epsilon")
    distance.set(yscale="log", xlabel="step", ylabel="relative distance of the weights")
    distance.set_title("L2 against weight decay, same batches")
    distance.legend(fontsize="small", loc="center right")
    styles = {"SGD + L2": "C0o-", "AdamW": "C2s--", "Adam + L2": "C3^-"}
    for name, values in lost.items():
        size = 9 if name == "SGD + L2" else 4  # visible below AdamW's
        fraction.plot(sizes, values, styles[name], ms=size, label=name)
    fraction.set(xscale="log", yscale="log", xlabel="size of a weight's gradients")
    fraction.set(ylabel="fraction of the weight that is lost")
    fraction.set_title(f"What {LOSING} steps take from a weight")
    fraction.legend(fontsize="small")
    return figure
