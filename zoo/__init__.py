"""The model zoo: models, layers, data and training, wired from one `Regularization`.

The exports are listed in `__init__.pyi` and imported when they are first used, because the command
line reads the fields of `Regularization` and must not wait seconds for Keras to be imported.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
