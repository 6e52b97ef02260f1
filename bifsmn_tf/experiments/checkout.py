"""The checkout of the repository that experiments run in."""

from pathlib import Path

from bifsmn_tf.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the package: in a checkout, the repository."""

_NEEDED = ("configs", "results")


def check(root: Path = ROOT) -> None:
    """Checks that this is a checkout, and the folder that one stands in.

    Flagfiles name each other by paths below it, as one types them there.

    Args:
        root: the folder that holds the package.

    Raises:
        UserError: The package was installed without its repository, or the
            command was started elsewhere.
    """
    if not all((root / name).is_dir() for name in _NEEDED):
        raise UserError(
            "experiments run in a checkout of the repository only, for its "
            "flagfiles in configs/ and its pages in results/, which an "
            "installed package does not have: clone it, there pip install -e "
            "'.[train]', and start the command in its root"
        )
    if Path.cwd() != root:
        raise UserError(
            f"start the command in the repository's root: cd {root}"
        )
