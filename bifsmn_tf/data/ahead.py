"""Does in the background what is needed next."""

import threading
from collections.abc import Callable


class Ahead:
    """A call in the background, of which nothing but its end matters.

    Its thread does not hold up the end of the program, as those of
    ``concurrent.futures`` do.

    Args:
        function: what is called.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._function()
        # It is raised where somebody waits.
        except BaseException as error:
            self._error = error

    def wait(self) -> None:
        """Waits for the end.

        Raises:
            BaseException: What the function raised.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
