"""`RunningFit`: whether the `fit` that has called a callback still runs."""

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import keras

__all__ = ["RunningFit", "callback_list"]

_LOOPS = {"fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"}


class RunningFit:
    """The innermost `fit` of a model that is running now; false as soon as it has ended.

    Keras tells callbacks nothing when an exception ends `fit`. But its frame then is on no thread's
    stack any more, also while a traceback (of `sys.last_exc`, or in an `except`) keeps it alive.
    Outside of `fit`, in a training loop of one's own, it is true: that tells callbacks its end.

    Args:
        model: that is fitted.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> seen = []
    >>> note = keras.callbacks.LambdaCallback(
    ...     on_train_begin=lambda logs: seen.append(RunningFit(model)),
    ...     on_train_end=lambda logs: seen.append(bool(seen[0])))
    >>> _ = model.fit(keras.ops.ones((1, 1)), keras.ops.ones((1, 1)), callbacks=[note], verbose=0)
    >>> seen[1], bool(seen[0])
    (True, False)
    """

    def __init__(self, model: keras.Model):
        self._model = weakref.ref(model)
        found = (_callbacks_of(frame, model) for frame in _callers(sys._getframe()))
        callbacks = next((each for each in found if each is not None), None)
        # The list is made by `fit` and held by nobody else.
        self._callbacks = None if callbacks is None else weakref.ref(callbacks)

    def __bool__(self) -> bool:
        if self._callbacks is None:
            return True
        callbacks, model = self._callbacks(), self._model()
        if callbacks is None or model is None:
            return False
        return any(_callbacks_of(frame, model) is callbacks for frame in _running())

    def at_end(self, function: Callable[[], Any]) -> None:
        """Calls `function` when `fit` has ended and no traceback is kept, unless the model is in
        use then; what it undoes must not depend on it."""
        if self._callbacks is not None:
            finalizer = weakref.finalize(self._callbacks(), _call, self._model, function)
            finalizer.atexit = False


def _call(model: "weakref.ref[keras.Model]", function: Callable[[], Any]) -> None:
    used = model()
    frames = (f for f in _running() if f.f_code.co_name in _LOOPS)
    if used is not None and all(frame.f_locals.get("self") is not used for frame in frames):
        function()


def callback_list(callback: keras.callbacks.Callback) -> keras.callbacks.CallbackList | None:
    """The list that is calling a callback, which Keras does not tell."""
    for frame in _callers(sys._getframe()):
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in caller.callbacks:
            return caller
    return None


# A frame that comes to be among its own locals is kept, with all of its callers and their data,
# until garbage is collected. So none of these functions looks at its own.


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None and (frame := frame.f_back) is not None:
        yield frame


def _running() -> Iterator[FrameType]:
    """The frames of all threads but of this call; those that have ended are not among them."""
    yield from _callers(sys._getframe())
    this = threading.get_ident()
    others = {name: top for name, top in sys._current_frames().items() if name != this}
    for top in others.values():
        yield top
        yield from _callers(top)


def _callbacks_of(frame: FrameType, model: keras.Model) -> Any:
    """The list of callbacks, if it is the frame of a `fit` of Keras of that model."""
    if frame.f_code.co_name != "fit":
        return None
    own = frame.f_locals
    callbacks = own.get("callbacks")
    ours = own.get("self") is model and isinstance(callbacks, keras.callbacks.CallbackList)
    return callbacks if ours else None
