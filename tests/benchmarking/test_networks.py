import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf.benchmarking import networks
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.runtime.interpreter import make_interpreter


def operations(content):
    """Counts of builtin operations by name."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    names = {
        value: name
        for name, value in vars(schema.BuiltinOperator).items()
        if not name.startswith("_")
    }
    found = {}
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        found[name] = found.get(name, 0) + 1
    return found


@pytest.fixture(scope="module")
def dfsmn():
    return networks.make_dfsmn("bifsmn_s", 5)


def test_both_graphs_of_the_full_precision_network_are_one(dfsmn):
    stock, hand, _ = dfsmn
    features = np.random.default_rng(1).normal(size=(1, 32, 32))
    logits = [
        make_interpreter(x.content)
        .get_signature_runner()(features=features.astype(np.float32))
        .popitem()[1]
        for x in (stock, hand)
    ]
    assert np.ptp(logits[0]) > 0.1
    np.testing.assert_allclose(*logits, rtol=1e-3, atol=1e-3)


def test_stock_converter_fuses_what_it_can(dfsmn):
    """Or the comparison would be with a network nobody would deploy."""
    stock, hand, integers = (operations(x.content) for x in dfsmn)
    for found in (stock, hand, integers):
        assert found["PRELU"] == 3 + 3 * 8
        assert found["DEPTHWISE_CONV_2D"] == 8
        assert found["ADD"] == 16
        assert found["CONV_2D"] + found["FULLY_CONNECTED"] == 2 + 1 + 16 + 1
    assert set(stock) - set(hand) <= {"STRIDED_SLICE"}
    assert "DEQUANTIZE" not in integers


def test_our_network_and_its_variants():
    found = networks.make_bifsmn("bifsmn_s", 5, {"slow": "a,b"})
    assert [(m.name, m.role, m.kernels) for m in found] == [
        *((f"BiFSMN_S δ={d}", Role.OURS, None) for d in (1, 2, 4)),
        *((f"BiFSMN_S δ={d}, slow", Role.VARIANT, "a,b") for d in (1, 2, 4)),
        *(
            (f"BiFSMN_S, {features} of a {of}", Role.FRONT_END, None)
            for features in ("features", "board's features")
            for of in ("clip", "frame")
        ),
    ]
    found[-1].invocation().check()
    assert len({m.content for m in found[:-2]}) == 1
    assert len({m.content for m in found[-2:]}) == 1
    assert found[0].content != found[-1].content
    assert [m.signature for m in found[:3]] == ["delta_1", "delta_2", "delta_4"]


def test_baselines_normalise():
    """A BatchNorm at its initial values would be left out of the graph."""
    floats, integers = networks.make("bc_resnet", "bifsmn", 5, {})
    # Swish in 12 blocks, and a scale in as many sub-spectral norms.
    assert operations(floats.content)["MUL"] == 24
    assert operations(integers.content)["MUL"] == 24
    for model in [floats, integers, *networks.make("ds_cnn", "bifsmn", 5, {})]:
        invocation = model.invocation()
        (logits,) = invocation.call().values()
        assert logits.shape == (1, 5)
        assert len(np.unique(logits)) > 1


def test_the_smallest_network_runs():
    invocation = networks.smallest_bifsmn().invocation()
    invocation.invoke()
    invocation.check()
