"""The photographs that the examples' networks are trained and measured on: where they are, and how large they are used.

They come from Debian packages, each unpacked into a folder of its own name; docs/upscaler.md says how, and who made
the photographs under which licence. Needs Pillow.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

LOMIRI_16 = ("lomiri-wallpapers-16.04", "usr/share/backgrounds")
LOMIRI_20 = ("lomiri-wallpapers-20.04", "usr/share/backgrounds")
MATE = ("mate-backgrounds", "usr/share/backgrounds/mate/nature")
PLASMA = ("plasma-workspace-wallpapers", "usr/share/wallpapers")
PALAPELI = ("palapeli-data", "usr/share/palapeli/collection")
SKIMAGE = ("python3-skimage", "usr/lib/python3/dist-packages/skimage/data")


@dataclass(frozen=True)
class Picture:
    """A photograph in a Debian package and how large it is used (long sides in pixels)."""

    name: str
    source: tuple[str, str]
    file: str
    sizes: tuple[int, ...]

    def path(self, packages: Path) -> Path:
        """Where the file is when every package is unpacked into a folder of its own name."""
        return packages / self.source[0] / self.source[1] / self.file


LARGE = (1440, 960, 640)
MEDIUM = (1200, 800, 560)


def plasma(name: str) -> Picture:
    return Picture(name.lower(), PLASMA, f"{name}/contents/images/2560x1600.jpg", LARGE)


# No network sees these while it is trained or tuned.
HELD_OUT = (
    Picture("astronaut", SKIMAGE, "astronaut.png", (512,)),
    Picture("boats", PLASMA, "EveningGlow/contents/images/2560x1600.jpg", (1024,)),
    Picture("brushes", LOMIRI_16, "Picture_1A_by_freespace.jpg", (720,)),
    Picture("castle", PALAPELI, "castle-maintenon.jpg", (682,)),
    Picture("coffee", SKIMAGE, "coffee.png", (600,)),
    Picture("dune", MATE, "Dune.jpg", (840,)),
    Picture("honey_bee", PALAPELI, "european-honey-bee.jpg", (768,)),
    Picture("mountains", LOMIRI_16, "picosdeeuropa_by_Aitzol_Berasategi.jpg", (1024,)),
    Picture("nuthatch", LOMIRI_20, "Kleiber_by_Lukas_Baubkus.jpg", (1024,)),
    Picture("stream", LOMIRI_16, "life_by_Aitzol_Berasategi.jpg", (1024,)),
)

TRAINING = (
    Picture("bridge", LOMIRI_16, "Bridge_by_Sander_Klootwijk.jpg", LARGE),
    Picture("dragonfly", LOMIRI_16, "Dragonfly_by_Bolly.jpg", LARGE),
    Picture("fig", LOMIRI_16, "Picture_0B_by_freespace.jpg", MEDIUM),
    Picture("wine", LOMIRI_16, "Wine_by_Jakkub_Mede.jpg", LARGE),
    Picture("aitzgorri", LOMIRI_16, "aitzgorri_by_Aitzol_Berasategi.jpg", LARGE),
    Picture("analog_pattern", LOMIRI_16, "analogpattern_by_Peter_Nerlich.jpg", MEDIUM),
    Picture("free", LOMIRI_16, "free_by_Peter_Nerlich.jpg", MEDIUM),
    Picture("friends", LOMIRI_16, "friends_by_Aitzol_Berasategi.jpg", LARGE),
    Picture("clock", LOMIRI_16, "greentock_by_Peter_Nerlich.jpg", MEDIUM),
    Picture("seeding", LOMIRI_16, "seeding_by_Clements_Engelhardt.jpg", LARGE),
    Picture("sunset", LOMIRI_16, "sunset_by_Aitzol_Berasategi.jpg", LARGE),
    Picture("blinds", MATE, "Blinds.jpg", (960, 640)),
    Picture("garden", MATE, "Garden.jpg", (960, 640)),
    Picture("green_meadow", MATE, "GreenMeadow.jpg", (640,)),
    Picture("lady_bird", MATE, "LadyBird.jpg", (960, 640)),
    Picture("rain_drops", MATE, "RainDrops.jpg", (960, 640)),
    Picture("storm", MATE, "Storm.jpg", (960, 640)),
    Picture("two_wings", MATE, "TwoWings.jpg", (960, 640)),
    Picture("wood", MATE, "Wood.jpg", (960, 640)),
    Picture("yellow_flower", MATE, "YellowFlower.jpg", (960, 640)),
    *map(plasma, ("BytheWater", "ColdRipple", "ColorfulCups", "FallenLeaf", "Grey", "Kite",
                  "OneStandsOut", "Path", "summer_1am")),
    Picture("cincinnati_bridge", PALAPELI, "cincinnati-bridge.jpg", (800, 540)),
    Picture("citrus_fruits", PALAPELI, "citrus-fruits.jpg", (800, 540)),
    Picture("chameleon", PALAPELI, "panther-chameleon-female.jpg", (960, 640)),
    Picture("chelsea", SKIMAGE, "chelsea.png", (451, 320)),
    Picture("rocket", SKIMAGE, "rocket.jpg", (426,)),
    Picture("brick", SKIMAGE, "brick.png", (512,)),
    Picture("grass", SKIMAGE, "grass.png", (512,)),
    Picture("gravel", SKIMAGE, "gravel.png", (512,)),
)


def refuse_missing(packages: Path, program: str) -> None:
    """Ends the program, naming what is missing, unless every photograph is there."""
    missing = [p.path(packages) for p in (*TRAINING, *HELD_OUT) if not p.path(packages).exists()]
    if missing:
        sys.exit(f"{program}: missing pictures; unpack their packages as docs/upscaler.md says:\n  "
                 + "\n  ".join(map(str, missing)))


def open_rgb(path: Path) -> Image.Image:
    """A picture file as RGB."""
    with Image.open(path) as image:
        return image.convert("RGB")


def resize_long_side(image: Image.Image, size: int) -> Image.Image:
    """Reduced to a long side of `size` pixels (never enlarged), both sides then cut to even."""
    factor = min(1.0, size / max(image.size))
    width, height = (round(side * factor) for side in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    return image.crop((0, 0, width - width % 2, height - height % 2))
