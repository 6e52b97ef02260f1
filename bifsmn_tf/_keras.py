"""TensorFlow with Keras 2, which Larq needs, chosen before it is imported.

Every module of this package that trains imports ``tf`` and ``lq`` from here.
"""

import os
import random
import sys

from bifsmn_tf.errors import MissingPackageError

if sys.modules.get("tensorflow") and os.environ.get(
    "TF_USE_LEGACY_KERAS"
) not in ("1", "true", "True"):
    raise ImportError(
        "bifsmn_tf trains with Keras 2 (tf_keras), but TensorFlow was imported "
        "before it with Keras 3. Import bifsmn_tf's training modules first, or "
        "set TF_USE_LEGACY_KERAS=1 in the environment."
    )
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    import larq as lq
    import tensorflow as tf
except ImportError as error:
    raise MissingPackageError(
        "Training needs TensorFlow and Larq: pip install 'bifsmn_tf[train]'"
    ) from error

__all__ = ["lq", "set_random_seed", "tf"]


def set_random_seed(seed: int) -> None:
    """Seeds Python's and TensorFlow's random numbers.

    Not Keras's function of that name: tf_keras 2.17 then draws its seeds in a
    way that Python 3.12 refuses. The numbers are the same.
    """
    random.seed(seed)
    tf.random.set_seed(seed)
