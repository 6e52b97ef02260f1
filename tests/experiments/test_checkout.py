"""Experiments run in a checkout."""

import pytest

from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments import checkout


def test_here_they_run():
    checkout.check()


def test_an_installed_package_is_no_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="checkout.*: clone it, there"):
        checkout.check(tmp_path)


def test_the_command_starts_in_its_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=f"repository's root: cd {checkout.ROOT}"
    ):
        checkout.check()
