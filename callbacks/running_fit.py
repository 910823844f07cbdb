"""The `fit` around a callback: whether it still runs, and its list of callbacks."""

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import keras

_LOOPS = {"fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"}


class RunningFit:
    """The innermost running `fit` of a model: true while it runs, false afterwards.

    Keras does not notify callbacks when an exception ends `fit`. But the frame of `fit` is then no
    longer on the stack of any thread, even if a traceback (`sys.last_exc`, or in an `except`) keeps
    it alive. In a custom training loop, without `fit`, a `RunningFit` is always true.
    """

    def __init__(self, model: keras.Model):
        self._model = weakref.ref(model)
        found = (_callbacks_of(frame, model) for frame in _callers(sys._getframe()))
        callbacks = next((each for each in found if each is not None), None)
        # The list is created by `fit`, and nothing else holds it.
        self._callbacks = None if callbacks is None else weakref.ref(callbacks)

    def __bool__(self) -> bool:
        if self._callbacks is None:
            return True
        callbacks, model = self._callbacks(), self._model()
        if callbacks is None or model is None:
            return False
        return any(_callbacks_of(frame, model) is callbacks for frame in _running())

    def at_end(self, function: Callable[[], Any]) -> None:
        """Call `function` when `fit` has ended and no traceback holds its frame.

        Do not depend on it: there is no call if the model is in use by then.
        """
        if self._callbacks is not None:
            finalizer = weakref.finalize(self._callbacks(), _call, self._model, function)
            finalizer.atexit = False


def _call(model: "weakref.ref[keras.Model]", function: Callable[[], Any]) -> None:
    used = model()
    frames = (f for f in _running() if f.f_code.co_name in _LOOPS)
    if used is not None and all(frame.f_locals.get("self") is not used for frame in frames):
        function()


def callback_list(callback: keras.callbacks.Callback) -> keras.callbacks.CallbackList | None:
    """Return the list that calls a callback, as Keras does not pass it; `None` if unknown."""
    for frame in _callers(sys._getframe()):
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in caller.callbacks:
            return caller
    return None


# A frame that refers to itself in a local variable lives, with all its callers and their data,
# until garbage is collected. So none of these functions inspects its own frame.


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None and (frame := frame.f_back) is not None:
        yield frame


def _running() -> Iterator[FrameType]:
    """Yield the running frames of all threads, except this one."""
    yield from _callers(sys._getframe())
    this = threading.get_ident()
    for thread, top in sys._current_frames().items():
        if thread != this:
            yield top
            yield from _callers(top)


def _callbacks_of(frame: FrameType, model: keras.Model) -> Any:
    """Return the list of callbacks in the frame of a `fit` of the model, else `None`."""
    if frame.f_code.co_name != "fit":
        return None
    callbacks = frame.f_locals.get("callbacks")
    ours = frame.f_locals.get("self") is model
    return callbacks if ours and isinstance(callbacks, keras.callbacks.CallbackList) else None
