"""The model zoo: models, layers, data and training, wired from one `Regularization`.

What is exported stands in `__init__.pyi`, and is imported when it is first used: reading the
fields of `Regularization` (as the command line does) must not cost the seconds of importing Keras.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
