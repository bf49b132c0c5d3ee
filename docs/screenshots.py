"""Draw the picture of the README anew from the running app: `make pictures`."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("explorer.png")
QUESTION = "/?persona=student&locationType=rent&budget=1000&destination=ucl"
MOST_BYTES = 200_000  # what a README may ask of a reader


@contextmanager
def served() -> Iterator[str]:
    """Serve from the embedded figures on a free port, and give the address that is printed."""
    environment = {**os.environ, "VEO_LIVE": "off", "VEO_CACHE": "memory"}
    command = [sys.executable, "-m", "veo", "serve", "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            if server.stdout is None:
                raise SystemExit("the server has no output to read its address from")
            yield server.stdout.readline().split()[3].decode()
        finally:
            server.terminate()


def draw(address: str) -> None:
    """Ask the question as a reader would, point at the first area, and keep what is seen."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("a picture needs chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page.goto(address + QUESTION)
        page.locator(".cell").first.wait_for()
        page.locator(".card").first.hover()
        page.locator(".place.lit").wait_for()
        PICTURE.write_bytes(smaller(page.screenshot(animations="disabled")))
        browser.close()


def smaller(png: bytes) -> bytes:
    """Keep 256 colours, which is what a drawing needs, and compress as far as PNG goes."""
    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        small, "PNG", optimize=True
    )
    return small.getvalue()


if __name__ == "__main__":
    with served() as address:
        draw(address)
    if PICTURE.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{PICTURE.name} is larger than {MOST_BYTES:,} bytes")
