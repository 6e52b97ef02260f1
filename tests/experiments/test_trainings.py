"""What flags and flagfiles say of a training."""

import pytest

from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments.trainings import settings


def test_settings_are_what_absl_makes_of_flags():
    found = settings(
        [
            "--flagfile=configs/sc10_dfsmn.flags",
            "--epochs=3",
            "--thresholds=false",
            "--epochs=4",
        ]
    )
    assert found["architecture"] == "dfsmn"
    assert found["projection_norm"] == "true"
    assert found["epochs"] == "4"
    assert found["thresholds"] == "false"


def test_settings_read_flagfiles_of_flagfiles():
    found = settings(["--flagfile=configs/sc10_bifsmn_wide.flags"])
    assert found["architecture"] == "bifsmn_wide"
    assert found["distillation"] == "hed"


@pytest.mark.parametrize("flag", ["epochs=3", "--nothresholds"])
def test_settings_refuse_other_forms(flag):
    with pytest.raises(UserError, match="write it as --name=value"):
        settings([flag])


def test_a_flagfile_that_is_not_there():
    with pytest.raises(UserError, match="configs/nothing.flags"):
        settings(["--flagfile=configs/nothing.flags"])
