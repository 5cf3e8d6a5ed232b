"""The pictures in the README: `python docs/draw_pictures.py [CHROMIUM]` runs the demo and
photographs its report.

CHROMIUM is the program to photograph with, `chromium` if it is not given.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parent / "pictures"
SCHEMES = {"dark": 0, "light": 1}
"""What Chromium calls them in its settings."""


def main(chromium: str = "chromium") -> None:
    """Draw the top of the demo's report, light and dark."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "lossaudit.cli", "demo", "--out", folder], check=True
        )
        for scheme, number in SCHEMES.items():
            settings = [
                "--headless",
                "--hide-scrollbars",
                "--window-size=1040,1396",
                "--disable-gpu",
            ]
            settings += [f"--blink-settings=preferredColorScheme={number}"]
            picture = PICTURES / f"report-{scheme}.png"
            page = (Path(folder) / "report.html").as_uri()
            subprocess.run([chromium, *settings, f"--screenshot={picture}", page], check=True)
            with Image.open(picture) as drawn:
                drawn.convert("RGB").quantize(128).save(picture, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
