"""Photograph the demo's report for the README: `python docs/draw_pictures.py [CHROMIUM]`.

CHROMIUM is the browser to use, `chromium` by default. The demo runs first; the top of its report
goes to docs/pictures/report-light.png and report-dark.png.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parent / "pictures"
SCHEMES = {"dark": 0, "light": 1}
"""Chromium's numbers for `preferredColorScheme`."""

OPTIONS = (
    "--headless",
    "--hide-scrollbars",
    "--window-size=1040,1396",
    "--disable-gpu",
    # Root in a container has no sandbox. The only page opened is the report just written.
    "--no-sandbox",
    # The report needs no network, and neither does the browser.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def main(chromium: str = "chromium") -> None:
    """Photograph the top of the report, light and dark."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "lossaudit.cli", "demo", "--out", folder], check=True
        )
        page = (Path(folder) / "report.html").as_uri()
        for scheme, number in SCHEMES.items():
            picture = PICTURES / f"report-{scheme}.png"
            options = [
                *OPTIONS,
                f"--user-data-dir={folder}/profile-{scheme}",
                f"--blink-settings=preferredColorScheme={number}",
                f"--screenshot={picture}",
            ]
            subprocess.run([chromium, *options, page], check=True)
            with Image.open(picture) as taken:
                # 128 colours are enough for text and plots, and make the file three times smaller.
                taken.convert("RGB").quantize(128).save(picture, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
