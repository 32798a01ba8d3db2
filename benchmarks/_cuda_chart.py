"""Draws the programs of a result of `cuda.py`: python _cuda_chart.py RESULT.json PICTURE.svg"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COLOURS = ("#d9480f", "#868e96", "#1971c2", "#2f9e44", "#9c36b5")


def draw(result: dict[str, Any], picture: Path) -> None:
    """Bars of each contender's time over ParPy's: what is longer is slower."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    group = next(g for g in result["groups"] if "float32" in g["title"])
    programs = group["results"][::-1]
    contenders = list(programs[-1]["medians"])
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.7 * len(programs)))
    height = 0.8 / len(contenders)
    for s, contender in enumerate(contenders):
        times = [p["medians"].get(contender) for p in programs]
        shown = [(t or 0) / p["medians"]["ParPy"] for t, p in zip(times, programs, strict=True)]
        places = [i + 0.4 - (s + 0.5) * height for i in range(len(programs))]
        axes.barh(places, shown, height, label=contender, color=COLOURS[s % len(COLOURS)])
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlim(0, 3)
    axes.set_yticks(range(len(programs)), [p["name"] for p in programs])
    axes.set_xlabel("time over ParPy's, cut off at 3")
    axes.set_title(f"{group['title']} on {result['device']}, {result['date'][:10]}", fontsize=10)
    axes.legend(loc="lower right")
    figure.savefig(picture, dpi=150, bbox_inches="tight")
    pyplot.close(figure)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
