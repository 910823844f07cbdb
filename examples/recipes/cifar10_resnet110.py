"""Train `resnet110` on CIFAR-10 with stochastic depth, as published.

Paper:    Huang et al., Deep Networks with Stochastic Depth, 2016,
          https://arxiv.org/abs/1603.09382, section 4.1
Command:  python examples/recipes/cifar10_resnet110.py [--constant-depth] [--model resnet20]
Cost:     500 epochs of 352 steps: a day on one GPU
Expected: test error of the paper: 5.25% with stochastic depth, 6.41% with constant depth. NOT RUN
          by us, because we lack the data: the code is tested on random images instead.

Training uses SGD with momentum 0.9 and a batch size of 128. The learning rate of 0.1 is divided by
10 after half and after three quarters of the epochs. The penalty is 0.5e-4 |W|^2 (a weight decay of
1e-4 in the paper's gradient). Images are shifted by up to 4 pixels and mirrored. The drop rate
rises from 0 at the first block to 0.5 at the last. The paper drops a block for a whole batch and
divides nothing in training; here each sample is drawn separately, and kept branches are divided by
their probability.
"""

import argparse

import keras
import tensorflow as tf

from occam import zoo

BATCH, MOMENTUM, LEARNING_RATE, PAD = 128, 0.9, 0.1, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--constant-depth", action="store_true")
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--model", default="resnet110", help="try resnet20 first")
    arguments = parser.parse_args()
    data = zoo.load_data("cifar10", batch_size=BATCH)
    rate = 0.0 if arguments.constant_depth else 0.5
    model = zoo.create_model(
        arguments.model,
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        regularization=zoo.Regularization(l2=0.5e-4, stochastic_depth=rate),
        seed=0,
    )
    steps = arguments.epochs * data.steps_per_epoch
    learning_rate = keras.optimizers.schedules.PiecewiseConstantDecay(
        [steps // 2, steps * 3 // 4], [LEARNING_RATE, LEARNING_RATE / 10, LEARNING_RATE / 100]
    )
    model.compile(
        keras.optimizers.SGD(learning_rate, momentum=MOMENTUM),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        data.epochs(seed=0).map(shift_and_mirror, tf.data.AUTOTUNE),
        epochs=arguments.epochs,
        steps_per_epoch=data.steps_per_epoch,
        validation_data=data.validation,
        shuffle=False,
        verbose=2,
    )
    accuracy = model.evaluate(data.test, return_dict=True, verbose=0)["accuracy"]
    print(f"test error {100 * (1 - accuracy):.2f}%")


def shift_and_mirror(images, labels):
    """Pad each image with 4 pixels of zeros, crop it at random, and mirror it at random."""
    sides = [(0, 0), (PAD, PAD), (PAD, PAD), (0, 0)]
    shape = tf.shape(images)

    def crop(padded):
        return tf.image.random_crop(padded, shape[1:])

    cropped = tf.map_fn(crop, tf.pad(images, sides))
    return tf.image.random_flip_left_right(cropped), labels


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    main()
