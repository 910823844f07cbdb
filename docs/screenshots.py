"""Take screenshots of TensorBoard's dashboards for the README: `python -m docs.screenshots`.

Trains four small models, opens their logs with `occam board` in Debian's chromium, waits until each
dashboard shows them, and writes `docs/images/tensorboard/*.png`. The browser test does the same
without taking pictures. Takes about 60 seconds on 2 cores.
"""

import contextlib
import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent / "images" / "tensorboard"
_TRIALS = {"off": (None, None), "light": (1e-4, 0.1), "medium": (1e-3, 0.2), "strong": (1e-2, 0.4)}
_WITH_PICTURES = "medium"
_MAX_BYTES = 150_000  # of a picture

# Visit all nodes of a page, including the shadow roots and frames that TensorBoard consists of.
_DEEP = """
function walk(node, visit) {
  for (const child of node.childNodes) {
    if (child.nodeType === 3) visit(child);
    if (child.nodeType !== 1 || ['STYLE', 'SCRIPT', 'TEMPLATE'].includes(child.tagName)) continue;
    visit(child);
    if (child.shadowRoot) walk(child.shadowRoot, visit);
    if (child.contentDocument?.body) walk(child.contentDocument.body, visit);
    walk(child, visit);
  }
}
function shown(node) {
  const box = node.getBoundingClientRect();
  return box.width * box.height > 0;
}
const found = [];
"""
_TEXT = "walk(document.body, n => { if (n.nodeType === 3) found.push(n.textContent); });"
_FIND = (
    "walk(document.body, n => { if (n.nodeType === 1 && n.matches(arguments[0])) found.push(n)});"
)


def train(directory: Path, *, epochs: int = 8) -> None:
    """Write the logs of four runs on scikit-learn's digits, one of them with all pictures."""
    import keras
    from sklearn.datasets import load_digits

    from occam import callbacks
    from occam.callbacks.tensorboard import HParams, Interval

    digits: Any = load_digits()
    x, y = (digits.images[..., None] / 16).astype("float32"), digits.target
    training, validation = (x[:900], y[:900]), (x[900:1400], y[900:1400])
    more: dict[str, Any] = {
        "histogram_freq": 2,
        "embeddings_freq": epochs,
        "samples": training,
        "augmentation": keras.layers.RandomTranslation(0.15, 0.15, fill_mode="constant"),
        "validation": validation,
        "pictures_freq": epochs,
    }
    ranges = {"l2": Interval(1e-6, 1e-2, log=True), "dropout": Interval(0, 0.5)}
    for trial, (l2, dropout) in _TRIALS.items():
        keras.utils.set_random_seed(0)
        board = callbacks.TensorBoard(
            directory / trial,
            card={"Regularization": f"l2={l2 or 0:g}, dropout={dropout or 0:g}"},
            hparams=HParams({"l2": l2, "dropout": dropout}, ranges, trial),
            **(more if trial == _WITH_PICTURES else {"write_graph": False}),
        )
        watched = [callbacks.LossLedger(train_eval=0.3), callbacks.ProximalPenalty(l1=0.1), board]
        _model(l2, dropout).fit(
            *training,
            validation_data=validation,
            epochs=epochs,
            batch_size=30,
            verbose=0,
            callbacks=watched,
        )


def _model(l2: float | None, dropout: float | None) -> Any:
    import keras
    from keras import layers

    penalty = keras.regularizers.L2(l2) if l2 else None
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu", kernel_regularizer=penalty, name="conv"),
            layers.Flatten(name="flatten"),
            layers.Dropout(dropout or 0.0, name="dropout"),
            layers.Dense(32, "relu", kernel_regularizer=penalty, name="hidden"),
            layers.Dense(10, name="head"),
        ],
        name="digits",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
    return model


@contextlib.contextmanager
def serve(directory: Path) -> Iterator[str]:
    """Run `occam board` on a directory, yield its address, and stop it at the end."""
    command = [sys.executable, "-m", "occam.cli.main", "board", str(directory), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("http://127.0.0.1:"):
                raise RuntimeError(f"occam board failed: {process.communicate()[1]}")
            yield line.split()[0]
        finally:
            process.terminate()
            process.communicate()


def chromium() -> tuple[str, str] | None:
    """Return the paths of Debian's chromium and its driver, or None if not installed."""
    found = shutil.which("chromium"), shutil.which("chromedriver")
    return (found[0], found[1]) if found[0] and found[1] else None


class Browser:
    """Headless chromium that can search TensorBoard's pages.

    Raises:
        FileNotFoundError: If chromium or its driver is missing.
    """

    def __init__(self):
        from selenium import webdriver

        paths = chromium()
        if paths is None:
            raise FileNotFoundError(
                "chromium and chromedriver are needed: apt-get install chromium chromium-driver"
            )
        options = webdriver.ChromeOptions()
        options.binary_location = paths[0]
        for argument in (
            *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"),
            *("--window-size=1500,1150", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(paths[1]))

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *error: object) -> None:
        self.driver.quit()

    def open(self, address: str) -> None:
        """Load a page, even if only the part after `#` changes."""
        self.driver.get("about:blank")
        self.driver.get(address)

    def text(self) -> str:
        """Return all text of the page in one line."""
        return " ".join(" ".join(self._run(f"{_TEXT} return found;")).split())

    def count(self, selector: str) -> int:
        """Return the number of visible elements that match a selector."""
        return self._run(f"{_FIND} return found.filter(shown).length;", selector)

    def click(self, selector: str, text: str) -> None:
        """Click the first visible element that matches a selector and contains a text."""
        script = (
            f"{_FIND} found.find(n => shown(n) && n.textContent.includes(arguments[1])).click();"
        )
        self._run(script, selector, text)

    def errors(self) -> list[str]:
        """Return the errors that the page has logged since the last call."""
        log = self.driver.get_log("browser")
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
        """Wait until a condition is true.

        Raises:
            TimeoutError: If it stays false. The message contains the text of the page.
        """
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{what} is not shown. The page says: {self.text()[:2000]}")
            time.sleep(0.2)

    def picture(self) -> bytes:
        """Return a screenshot as a PNG with 128 colors."""
        from PIL import Image

        image = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        file = io.BytesIO()
        image.quantize(128).save(file, "png", optimize=True)
        return file.getvalue()

    def _run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(_DEEP + script, *arguments)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard of TensorBoard, and how to tell that it shows our runs.

    Args:
        fragment: The part of its address after `#`.
        texts: Texts that it must contain.
        drawn: Selectors, each with the minimal number of visible elements that match it.
        prepare: Called with the browser before the checks.
    """

    fragment: str
    texts: tuple[str, ...]
    drawn: dict[str, int]
    prepare: Callable[[Browser], None] | None = None

    def show(self, browser: Browser, address: str) -> None:
        """Open the dashboard and wait until it shows the runs.

        Raises:
            TimeoutError: If it does not show them.
        """
        browser.open(f"{address}#{self.fragment}")
        if self.prepare:
            self.prepare(browser)
        for text in self.texts:
            browser.wait(lambda text=text: text in browser.text(), repr(text))
        for selector, min_count in self.drawn.items():
            enough = f"{min_count} of {selector}"
            browser.wait(lambda s=selector, n=min_count: browser.count(s) >= n, enough)


def _parallel(browser: Browser) -> None:
    view = "PARALLEL COORDINATES VIEW"
    browser.wait(lambda: view in browser.text(), view)
    browser.click("paper-tab", view)


DASHBOARDS = {
    "scalars": Dashboard(
        "scalars&tagFilter=loss%7Cgap%7Caccuracy%7Cpenalty%2Ftotal%7Csparsity%2Ftotal",
        ("loss/data", "loss/total", "gap/accuracy", "penalty/total", "sparsity/total"),
        {"vz-line-chart2": 4},
    ),
    "custom_scalars": Dashboard(
        "custom_scalars",
        (
            "Generalization",
            "Penalties",
            "Sparsity and norms",
            "Data loss, and the penalty above it",
        ),
        {"vz-line-chart2": 5},
    ),
    "images": Dashboard(
        "images", ("answers/confusion_matrix", "answers/mistakes", "medium/validation"), {"img": 2}
    ),
    "histograms": Dashboard(
        "histograms", ("weights/histogram/digits/",), {"vz-histogram-timeseries": 3}
    ),
    "text": Dashboard("text", ("Regularization:", "kernel: L2 l2 0.001", "rate 0.2"), {"table": 1}),
    "graphs": Dashboard("graphs", ("Op graph", "penalty", "image"), {"g.node": 4}),
    "pr_curves": Dashboard("pr_curves", ("precision_recall/all classes",), {"vz-line-chart2": 2}),
    "hparams": Dashboard("hparams", ("log10_l2", "-7.0000", "strong"), {"vaadin-grid": 1}),
    "parallel_coordinates": Dashboard("hparams", ("log10_l2",), {"path": 4}, _parallel),
    "projector": Dashboard("projector", ("validation features", "Points: 500"), {"canvas": 1}),
}


def main() -> None:
    """Write the pictures; exit with an error if a dashboard is empty."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        train(Path(directory))
        with serve(Path(directory)) as address, Browser() as browser:
            for name, dashboard in DASHBOARDS.items():
                dashboard.show(browser, address)
                time.sleep(2)  # transitions
                png = browser.picture()
                if len(png) > _MAX_BYTES:
                    sys.exit(f"The picture of {name} has {len(png)} bytes, over {_MAX_BYTES}.")
                (IMAGES / f"{name}.png").write_bytes(png)
                print(f"{name}: {len(png)} bytes")


if __name__ == "__main__":
    main()
