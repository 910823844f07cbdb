"""Train `cnn1d`, `gru` or `resnet1d` on MNIST-1D; source of the weights that ship with Occam.

Paper:    Greydanus & Kobak, Scaling Down Deep Learning with MNIST-1D, 2020,
          https://arxiv.org/abs/2011.14439: 0.94 for the CNN, 0.91 for the GRU, 0.96 for humans
Command:  python examples/recipes/mnist1d.py cnn1d|gru|resnet1d [--save]
Cost:     1 minute (cnn1d), 2 (resnet1d), 10 (gru) on two cores
Expected: test accuracy as in `python -c "from occam import zoo; print(zoo.list_weights())"`
"""

import argparse

from occam import zoo
from occam.callbacks import EarlyStopping

EPOCHS = {"cnn1d": 200, "gru": 300, "resnet1d": 60}
REGULARIZATION = {
    "cnn1d": zoo.Regularization(noise=0.1),
    "gru": zoo.Regularization(noise=0.1),
    "resnet1d": zoo.Regularization(l2=3e-4, noise=0.1, dropout=0.05, stochastic_depth=0.1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=EPOCHS)
    parser.add_argument("--epochs", type=int, help="epochs (default: those of the recipe)")
    parser.add_argument("--save", action="store_true", help="write the weights into the package")
    arguments = parser.parse_args()
    epochs = arguments.epochs or EPOCHS[arguments.model]

    data = zoo.load_data("mnist1d")
    model = zoo.create_model(
        arguments.model,
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        regularization=REGULARIZATION[arguments.model],
        seed=0,
    )
    shifts_and_scales = zoo.augmentation.resolve_augmentation("light", data.input_shape, seed=0)
    model.compile(
        zoo.optimizers.adamw(0.01, epochs * data.steps_per_epoch, weight_decay=0.01),
        zoo.losses.CategoricalCrossentropy(),
        metrics=[zoo.metrics.DataLoss(), zoo.metrics.CategoricalAccuracy("accuracy")],
        steps_per_execution=data.steps_per_epoch,
        jit_compile=False,
    )
    model.fit(
        zoo.augmentation.augment(data.epochs(seed=0), shifts_and_scales, seed=0),
        epochs=epochs,
        steps_per_epoch=data.steps_per_epoch,
        validation_data=data.validation,
        callbacks=[EarlyStopping("val_data_loss", patience=epochs)],
        shuffle=False,
        verbose=2,
    )
    accuracy = model.evaluate(data.test, return_dict=True, verbose=0)["accuracy"]
    print(f"{arguments.model}: test accuracy {accuracy:.4f}")
    if arguments.save:
        print(zoo.models.save_weights(model, "mnist1d", accuracy=accuracy, recipe="mnist1d.py"))


if __name__ == "__main__":
    main()
