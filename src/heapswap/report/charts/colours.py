"""The page's colours, by number: kinds have a `hue` of its palette, steps of an order a `shade` of its scale."""

NEUTRAL = {"hue": 7}
"""grey, for what is neither"""
HUES = 8
"""of the palette, after which it begins anew"""
SHADES = 9
"""of the scale: `--s0`, light, to `--s8`, dark"""


def shades(count: int) -> list[int]:
    """So many of the scale, from the light end to the dark one, as far apart as they can be."""
    return [round(step * (SHADES - 1) / max(count - 1, 1)) for step in range(count)]
