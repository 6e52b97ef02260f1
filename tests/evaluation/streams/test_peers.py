"""Other projects' wake words, where their packages are installed."""

import numpy as np
import pytest
from sounds import noise

from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation.streams import peers
from bifsmn_tf.evaluation.streams.listeners import Name
from bifsmn_tf.evaluation.streams.listeners import listener


@pytest.mark.parametrize(
    ("kind", "step"), [("microwakeword", 480), ("openwakeword", 1280)]
)
def test_a_peer_hears_a_stream(kind, step):
    package = peers.KINDS[kind]
    pytest.importorskip(package, reason=f"{package} is not installed")
    heard = listener(Name(f"{kind}:okay_nabu"))
    assert heard.labels == ("okay nabu",)
    sound = noise(5 * 16000, level=0.01)
    first, again = (list(heard.decisions(sound)) for _ in range(2))
    ends = [decision.end for decision in first]
    assert set(np.diff(ends)) == {step}
    assert ends[0] <= step + 480 and ends[-1] > 4.8 * 16000
    values = np.array([decision.probabilities for decision in first])
    assert values.shape == (len(ends), 1)
    assert values.min() >= 0 and values.max() < 0.5
    # It begins anew, whatever it has heard.
    same = np.array([decision.probabilities for decision in again])
    np.testing.assert_array_equal(values, same)
    with pytest.raises(UserError, match="has no model 'nobody'"):
        listener(Name(f"{kind}:nobody"))
    with pytest.raises(UserError, match="no depths"):
        listener(Name(f"{kind}:okay_nabu", delta="4"))


def test_a_package_that_is_not_there(monkeypatch):
    monkeypatch.setitem(peers.KINDS, "microwakeword", "pymicro_nobody")
    with pytest.raises(UserError, match="pip install pymicro-nobody"):
        peers.load("microwakeword", "alexa")
