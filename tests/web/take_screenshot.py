"""Takes docs/browser.png: the built page, having heard a recording.

python tests/web/take_screenshot.py RECORDING.wav docs/browser.png
"""

import base64
import io
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from webdriver import Browser

SITE = Path(__file__).resolve().parents[2] / "build/web"


def main(recording: str, picture: str) -> None:
    """Opens the page, drops the recording and writes the picture."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=SITE)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(folder)
        try:
            browser.open(f"http://127.0.0.1:{server.server_port}")
            browser.wait("return !document.getElementById('listen').disabled")
            browser.type("#file", str(Path(recording).resolve()))
            browser.wait(
                "return document.getElementById('state').textContent"
                ".endsWith('heard')"
            )
            # Once the canvas is painted.
            browser.wait(
                "return new Promise((done) => requestAnimationFrame("
                "() => requestAnimationFrame(() => done(true))))"
            )
            png = base64.b64decode(browser.screenshot())
        finally:
            browser.close()
    # Half the bytes, and no less to see.
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
