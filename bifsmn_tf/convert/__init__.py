"""Converts a run or a network: as a function, and as a command.

    bifsmn_tf.convert("runs/bifsmn", "bifsmn.tflite")
    python -m bifsmn_tf.convert --model=runs/bifsmn --output=bifsmn.tflite

The command needs a module of this name, and importing a module makes it the
attribute of its package. So that ``bifsmn_tf.convert`` is one and the same
thing whatever was imported before, the module itself can be called: with the
arguments of :func:`bifsmn_tf.conversion.convert.convert`, which it hands on.
"""

import sys
import types
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from bifsmn_tf.conversion.converted_model import ConvertedModel


class _CallableModule(types.ModuleType):
    def __call__(self, *arguments: Any, **named: Any) -> "ConvertedModel":
        # Only now, as it brings TensorFlow.
        from bifsmn_tf.conversion.convert import convert

        return convert(*arguments, **named)


sys.modules[__name__].__class__ = _CallableModule
