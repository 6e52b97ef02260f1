"""A converted file as a whole: does it do what it says of itself?

A description that contradicts the graphs beside it would be obeyed without a
word: sound would become features that the network was not trained on. What a
spotter relies on is therefore compared here, before anything runs.
"""

from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.model_file.ops.log_mel import LogMel
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.reader import Signature
from bifsmn_tf.model_file.reader import TensorInfo
from bifsmn_tf.model_file.schema import FLOAT32
from bifsmn_tf.model_file.schema import SHORT
from bifsmn_tf.model_file.schema import SIGNED_BYTE


def describe(model: ModelFile) -> ModelMetadata:
    """Returns the description of a file that ``convert`` wrote, checked.

    Args:
        model: the file.

    Raises:
        UserError: It is none of ours, or its description is not that of its
            graphs; the message does not name the file.
    """
    description = ModelMetadata.of_model(model)
    _check_features(description)
    _check_signatures(model, description)
    _check_front_end(model, description)
    return description


def _check_features(description: ModelMetadata) -> None:
    network = description.network
    shape = (network.frames, network.mels)
    if description.features.shape != shape:
        raise UserError(
            f"its features are {description.features.shape}, its network "
            f"reads {shape}: convert it again"
        )


def _check_signatures(model: ModelFile, description: ModelMetadata) -> None:
    network, features = description.network, description.features
    rows = TensorInfo((1, network.frames, network.mels), FLOAT32)
    row = TensorInfo((1, 1, network.mels), FLOAT32)
    clip = TensorInfo((1, features.samples), FLOAT32)
    frame = TensorInfo((1, features.frame_length), FLOAT32)
    logits = TensorInfo((1, network.classes), FLOAT32)

    found = model.signatures
    audio, named = signatures.AUDIO, signatures.FEATURES
    if network.streaming:
        _check_steps(model, description)
        return
    wanted = {
        signatures.CLIP_SIGNATURE: Signature({audio: clip}, {named: rows}),
        signatures.FRAME_SIGNATURE: Signature({audio: frame}, {named: row}),
    }
    for delta in network.deltas:
        result = {signatures.LOGITS: logits}
        key = signatures.signature_key(delta)
        wanted[key] = Signature({named: rows}, result)
        if key not in found:
            raise UserError(f"it has no signature {key}: convert it again")
        key = signatures.audio_signature_key(delta)
        wanted[key] = Signature({audio: clip}, result)
    for key, signature in found.items():
        if key in wanted and signature != wanted[key]:
            raise _other_signature(key, signature, wanted[key])


def _check_steps(model: ModelFile, description: ModelMetadata) -> None:
    network, features = description.network, description.features
    audio, named = signatures.AUDIO, signatures.FEATURES
    samples = TensorInfo((1, network.step_frames * features.hop), FLOAT32)
    rows = TensorInfo((1, network.step_frames, network.mels), FLOAT32)
    logits = TensorInfo((1, network.classes), FLOAT32)
    for delta in network.deltas:
        key = signatures.stream_signature_key(delta)
        if key not in model.signatures:
            raise UserError(f"it has no signature {key}: convert it again")
        found = model.signatures[key]
        # The state is of any size, the same going in and coming out.
        state = found.inputs.get(signatures.STATE)
        if state is None or len(state.shape) != 2:
            state = TensorInfo((1, 0), SIGNED_BYTE)
        state = TensorInfo((1, state.shape[1]), SIGNED_BYTE)
        sound = found.inputs.get(audio, samples)
        if sound.type == SHORT:
            samples = TensorInfo(samples.shape, SHORT)
        outputs = {signatures.LOGITS: logits, signatures.STATE: state}
        new = {audio: samples} if audio in found.inputs else {named: rows}
        wanted = Signature({**new, signatures.STATE: state}, outputs)
        if found != wanted:
            raise _other_signature(key, found, wanted)


def _other_signature(
    key: str, found: Signature, wanted: Signature
) -> UserError:
    return UserError(
        f"its signature {key} is {_shown(found)}, not {_shown(wanted)}: "
        "convert it again"
    )


def _check_front_end(model: ModelFile, description: ModelMetadata) -> None:
    for name, options in model.custom_operators:
        if name != LogMel.NAME:
            continue
        try:
            found = LogMel.from_custom_options(options)
            wanted = [
                LogMel.of(description.features, description.statistics, centred)
                for centred in (True, False)
            ]
        except ValueError as error:
            raise UserError(f"{error}: convert it again") from error
        if found not in wanted:
            raise UserError(
                f"its front end computes {found}, and not the features that "
                "it describes: convert it again"
            )


def _shown(signature: Signature) -> str:
    def names(tensors: dict[str, TensorInfo]) -> str:
        return ", ".join(f"{n} {list(t.shape)}" for n, t in tensors.items())

    return f"{names(signature.inputs)} to {names(signature.outputs)}"
