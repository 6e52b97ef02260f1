"""What can be converted: networks of which ops compute every layer."""

from bifsmn_tf.errors import UserError
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.quantizers.int8 import MAX_EXACT_TERMS

_INT8_SITES = {"conv2", "projection"}
"""What may have 8 bits in a file."""

_REMEDY = "evaluate the run itself, or train with another binarizer"


def check_convertible(network: FSMN) -> None:
    """Refuses what is for comparison in Keras only.

    Args:
        network: A binary network.

    Raises:
        UserError: The network needs more than bits and a scale per channel.
    """
    config = network.config
    if not config.one_bit_weights:
        raise UserError(
            "the weights of this network are not one bit, as those of the "
            "first of two stages of training: convert a run of the second, "
            f"trained without kernel_quantizer {config.kernel_quantizer}"
        )
    if config.dual_activations:
        raise UserError(
            "this network has activations of two bits in two scales, which no "
            "op computes: convert one trained without dual_activations"
        )
    if config.float_sites or not _INT8_SITES.issuperset(config.int8_sites):
        name = "float_sites" if config.float_sites else "int8_sites"
        raise UserError(
            f"{name} of this network: {', '.join(getattr(config, name))}. "
            "There are ops for conv2 and projection in 8 bits and for no "
            "others; evaluate the run itself, or train without them to convert"
        )
    if config.input_scale:
        raise UserError(
            "XNOR-Net's input scale K depends on the data, and the ops "
            f"multiply with trained constants only: {_REMEDY}"
        )
    for name, stage in network.stages.items():
        terms = stage.node.terms
        if stage.int8_activation and terms > MAX_EXACT_TERMS:
            raise UserError(
                f"{name} adds up {terms} products of 8 bits, more than the "
                f"{MAX_EXACT_TERMS} that Keras adds exactly: train with fewer "
                "front_channels or front_outputs"
            )
        if stage.sign is None:
            continue
        if not stage.sign.gives_signs:
            raise UserError(
                f"activations of {config.activation_quantizer} are not -1 and "
                f"+1, the only values that the ops take: {_REMEDY}"
            )
        quantizer = stage.linear.kernel_quantizer
        if quantizer.precision != 1:
            raise UserError(
                f"{name} has weights of {quantizer.precision} bits "
                f"({type(quantizer).__name__}), and the ops take those of one: "
                f"{_REMEDY}"
            )
