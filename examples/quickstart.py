"""Train, tune, export and predict, as in the README; writes into the current directory.

python examples/quickstart.py
"""

from occam import exports, tuning, zoo

data = zoo.load_data("mnist1d")
medium = zoo.preset("mlp", "medium")
model = zoo.create_model("mlp", data=data, regularization=medium.replace(dropout=0.2), seed=0)
run = zoo.train(model, data, epochs=60, log_dir="runs/mlp")
print(run)

found = tuning.tune(
    "mlp",
    data,
    space=["noise", "dropout"],
    max_trials=6,
    racing=tuning.Racing(finalists=2),
    epochs=60,
    directory="trials",
)
print(found)
print(found.refit())

run.export("exports/mlp")
answer = exports.load("exports/mlp").predict(next(iter(data.raw("test")))[0])
print(answer["label"][:5], answer["probabilities"].shape)
