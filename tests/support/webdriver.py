"""Chromium without a window, driven through chromedriver's HTTP interface.

https://www.w3.org/TR/webdriver2/ is small enough to need no package.
"""

import json
import subprocess
import time
import urllib.error
import urllib.request
from typing import Any

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=900,820",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element's name, by the standard."""


class Browser:
    """A session of Chromium's, with a profile in ``folder``."""

    def __init__(self, folder, *arguments):
        self._driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True
        )
        # It says on which port it listens.
        for line in self._driver.stdout:
            if "started successfully on port" in line:
                break
        self._url = f"http://127.0.0.1:{int(line.split()[-1].rstrip('.'))}"
        options = {"args": [*ARGUMENTS, f"--user-data-dir={folder}"]}
        options["args"] += arguments
        asked = {"alwaysMatch": {"goog:chromeOptions": options}}
        try:
            made = self._ask("POST", "/session", {"capabilities": asked})
        except BaseException:
            self._driver.kill()
            raise
        self._url += f"/session/{made['sessionId']}"

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        request = urllib.request.Request(
            self._url + path,
            None if content is None else json.dumps(content).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error

    def open(self, url: str) -> None:
        """Opens a page, and waits until it is loaded."""
        self._ask("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Returns what a function's body returns in the page."""
        content = {"script": script, "args": arguments}
        return self._ask("POST", "/execute/sync", content)

    def element(self, selector: str) -> str:
        """Returns the name of an element."""
        content = {"using": "css selector", "value": selector}
        return self._ask("POST", "/element", content)[ELEMENT]

    def click(self, selector: str) -> None:
        """Clicks on an element."""
        self._ask("POST", f"/element/{self.element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Types into an element; of one for files, chooses them."""
        path = f"/element/{self.element(selector)}/value"
        self._ask("POST", path, {"text": text})

    def wait(self, script: str, seconds: float = 30) -> Any:
        """Waits until a script gives what is true; returns it."""
        end = time.monotonic() + seconds
        while not (found := self.run(script)):
            if time.monotonic() > end:
                text = self.run("return document.body.innerText")
                raise TimeoutError(f"never true: {script}\n{text}")
            time.sleep(0.2)
        return found

    def screenshot(self) -> str:
        """Returns a PNG of the page, in base64."""
        return self._ask("GET", "/screenshot")

    def close(self) -> None:
        """Ends Chromium and its driver."""
        self._ask("DELETE", "")
        self._driver.terminate()
        self._driver.wait()
        self._driver.stdout.close()
