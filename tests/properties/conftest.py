"""Examples are few, and the same every time.

More, and others: BIFSMN_EXAMPLES=1000 pytest tests/properties
"""

import os

from hypothesis import HealthCheck
from hypothesis import settings

_MORE = os.environ.get("BIFSMN_EXAMPLES")

settings.register_profile(
    "pairs",
    max_examples=int(_MORE or 25),
    derandomize=_MORE is None,
    # A first example builds what the others use.
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("pairs")
