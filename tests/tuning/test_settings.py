import pytest

from occam import tuning


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"finalists": 0}, "`finalists` must be an integer >= 1. Received: finalists=0"),
        ({"seeds": 0}, "`seeds` must be an integer >= 1"),
        ({"sampler": "best"}, "`sampler` must be one of 'tpe', 'cmaes', 'qmc', 'gp', 'random'"),
        ({"prune": "yes"}, "`prune` must be True or False"),
    ],
)
def test_errors_of_racing(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        tuning.Racing(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 0}, "`workers` must be an integer >= 1"),
        ({"storage": "hello"}, "`storage` must be the address of a database, such as 'sqlite:"),
        ({"machines": 2}, "`storage` must be the address of a database if there are several"),
        ({"grace": 0}, r"`grace` must be a number in \(0, inf\)"),
        ({"storage": 3}, "`storage` must be the address of a database"),
    ],
)
def test_errors_of_resources(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        tuning.Resources(**settings)


def test_tune_takes_settings_and_no_dict(digits, tmp_path):
    with pytest.raises(TypeError, match=r"`racing` must be an occam\.tuning\.Racing or None"):
        tuning.tune("mlp", digits, directory=tmp_path, racing={"seeds": 2})
    with pytest.raises(TypeError, match=r"`resources` must be an occam\.tuning\.Resources or"):
        tuning.tune("mlp", digits, directory=tmp_path, resources=2)
