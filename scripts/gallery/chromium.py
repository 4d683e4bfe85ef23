"""Takes pictures of HTML pages in headless Chromium, as PNG of few colours."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chromium-headless-shell")
_TALL = 2400
_SHARP = 2


def shoot(url: str, to: Path, *, dark: bool, width: int, height: int | None = None) -> None:
    """Save what a page shows; without a height, down to the last line that is not background."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        raise SystemExit(f"scripts/pictures: there is no browser; none of {', '.join(NAMES)} is on the path")
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole.png"
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
            f"--user-data-dir={Path(name) / 'profile'}", f"--window-size={width},{height or _TALL}",
            f"--force-device-scale-factor={_SHARP}", f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            f"--screenshot={whole}", url,
        ]  # fmt: skip
        subprocess.run(command, capture_output=True, timeout=120, check=True)
        with Image.open(whole) as picture:
            shown = picture.convert("RGB")
    if height is None:
        shown = _cut(shown)
    few = shown.quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(to, optimize=True)


def _cut(picture: Image.Image) -> Image.Image:
    """Leave out the background below what is shown."""
    ground = Image.new("RGB", picture.size, picture.getpixel((0, picture.height - 1)))
    box = ImageChops.difference(picture, ground).getbbox()
    return picture if box is None else picture.crop((0, 0, picture.width, box[3] + box[1]))
