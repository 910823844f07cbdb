"""TensorBoard in a real browser, on the logs of short runs."""

import os

import pytest

from docs.screenshots import DASHBOARDS, Browser, chromium, serve, train

if chromium() is None and not os.environ.get("CI"):
    pytest.skip(
        "chromium and chromedriver are not installed: apt-get install chromium chromium-driver",
        allow_module_level=True,
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs")
    train(directory, epochs=3)
    with serve(directory) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.mark.slow
@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_shows_the_runs_without_errors(name, browser, address):
    DASHBOARDS[name].show(browser, address)
    assert browser.errors() == []
    text = browser.text()
    for trouble in ("No dashboards are active", "Missing Tags", "No data", "not found", "failed"):
        assert trouble not in text
