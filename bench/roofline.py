"""The roofline plot of a run of bench/compare_pytorch.py: what the GPU can do, and what upconv and PyTorch made of it.

One layer is drawn in one panel, with every way PyTorch has to compute it; of several, each mode has a panel, with
PyTorch's best.
"""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from comparison_report import PEERS, best_peer, median  # noqa: E402
from conv_problem import DEFAULT  # noqa: E402

COLORS = {"fp32": "#6a3d9a", "tf32": "#1f6fb4", "f16": "#d95f02", "bf16": "#1b8a5a"}
MARKERS = {"NCHW": "s", "channels_last": "^", "conv2d NCHW": "D", "conv2d channels_last": "v"}
TUNED, DEFAULT_FILL = "white", "#cfcfcf"
INK = "#3a3a3a"
SLOWER = "#c0392b"


def look(peer: str) -> tuple[str, str]:
    """Marker and fill of one of PyTorch's ways: an operation has a marker, a setting a fill."""
    return MARKERS[peer.removesuffix(DEFAULT)], DEFAULT_FILL if peer.endswith(DEFAULT) else TUNED


def rate(row: dict, milliseconds: float) -> float:
    """TFLOP/s"""
    return row["flops"] / milliseconds * 1e-9


def set_axes(axes: plt.Axes, rows: list[dict], ceilings: dict, room: tuple[float, float]) -> None:
    """Logarithmic axes that hold all points and the roofs; `room` is the factor left and right of the points."""
    peaks = [ceilings["flops_per_second"][row["mode"]] for row in rows]
    x = [row["flops"] / row["bytes"] for row in rows]
    y = [rate(row, time) for row in rows for who in ("upconv", *PEERS) if (time := median(row, who))]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlim(min(x) / room[0], max(x) * room[1])
    axes.set_ylim(min(y) / 1.5, max(peaks) * 1e-12 * 1.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda *_: "")
    axes.grid(which="major", color="#ebebeb", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color("#b0b0b0")
    axes.tick_params(which="both", color="#b0b0b0", labelcolor=INK, labelsize=9)


def draw_bandwidth(axes: plt.Axes, ceilings: dict, modes: list[str]) -> None:
    """The diagonal up to the highest roof, with its label along it."""
    slope = ceilings["bytes_per_second"] * 1e-12
    top = max(ceilings["flops_per_second"][mode] for mode in modes) * 1e-12
    left, bottom = axes.get_xlim()[0], axes.get_ylim()[0]
    start = max(left, bottom / slope)
    axes.plot([start, top / slope], [start * slope, top], color=INK, linewidth=1.3, zorder=2)
    middle = math.sqrt(start * top / slope)
    points = axes.transData.transform([(start, start * slope), (top / slope, top)])
    angle = math.degrees(math.atan2(points[1][1] - points[0][1], points[1][0] - points[0][0]))
    axes.annotate(f"memory, {slope:.1f} TB/s", (middle, middle * slope), rotation=angle, rotation_mode="anchor",
                  xytext=(-4, 5), textcoords="offset points", ha="center", color=INK, fontsize=9)


def draw_roofs(axes: plt.Axes, ceilings: dict, modes: list[str]) -> None:
    """A flat roof for each mode, its label at the right; labels of roofs that lie close go to either side."""
    slope = ceilings["bytes_per_second"] * 1e-12
    right = axes.get_xlim()[1]
    heights = {mode: ceilings["flops_per_second"][mode] * 1e-12 for mode in modes}
    for mode, height in heights.items():
        axes.plot([height / slope, right], [height] * 2, color=COLORS[mode], linewidth=1.3, zorder=2)
        above = all(other >= height * 1.2 or other <= height for other in heights.values())
        axes.annotate(f"{mode} {height:.0f}", (right, height), xytext=(-2, 3 if above else -3),
                      textcoords="offset points", ha="right", va="bottom" if above else "top", color=COLORS[mode],
                      fontsize=9)


def draw_layer(axes: plt.Axes, row: dict, shift: float, name_side: int) -> None:
    """upconv and each of PyTorch's ways, joined by a line that says how much faster upconv is than the best. `shift`
    moves the points sideways, in octaves, where two modes would lie on each other; upconv's label stands at the left
    (-1) or at the right (1)."""
    color = COLORS[row["mode"]]
    x = row["flops"] / row["bytes"] * 2**shift
    ours, best = rate(row, median(row, "upconv")), rate(row, best_peer(row))
    axes.plot([x, x], [best, ours], color=color, linewidth=1, alpha=0.5, zorder=3)
    for peer in PEERS:
        if time := median(row, peer):
            marker, fill = look(peer)
            axes.plot(x, rate(row, time), marker, markersize=6.5, color=fill, markeredgecolor=color,
                      markeredgewidth=1.3, zorder=4)
    axes.plot(x, ours, "o", markersize=9, color=color, markeredgecolor="white", markeredgewidth=1, zorder=5)

    def label(text: str, y: float, side: int, **style) -> None:
        axes.annotate(text, (x, y), xytext=(9 * side, -1), textcoords="offset points", va="center", color=color,
                      ha="right" if side < 0 else "left", zorder=6,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1}, **style)

    side = -1 if shift < 0 else 1
    label(f"upconv {row['mode']}  {ours:.0f}", ours, name_side, fontsize=10, fontweight="bold")
    label(f"{ours / best:.1f}x", math.sqrt(ours * best), side, fontsize=9)
    label(f"{best:.0f}", best, side, fontsize=9)


def add_legend(axes: plt.Axes, rows: list[dict]) -> None:
    drawn = [peer for peer in PEERS if any(median(row, peer) for row in rows)]
    entries = [("upconv", "o", INK)] + [(f"PyTorch {peer}", *look(peer)) for peer in drawn]
    handles = [plt.Line2D([], [], linestyle="", marker=marker, markersize=7, color=fill, markeredgecolor=INK,
                          label=name) for name, marker, fill in entries]
    axes.legend(handles=handles, loc="lower right", frameon=False, fontsize=9, labelcolor=INK)


def draw_one(rows: list[dict], ceilings: dict) -> plt.Figure:
    """One layer in every mode."""
    figure, axes = plt.subplots(figsize=(9, 6))
    set_axes(axes, rows, ceilings, (5, 3.2))
    figure.subplots_adjust(left=0.08, right=0.97, bottom=0.1, top=0.87)
    modes = [row["mode"] for row in rows]
    draw_bandwidth(axes, ceilings, modes)
    draw_roofs(axes, ceilings, modes)
    for row in rows:
        draw_layer(axes, row, -0.12 if row["mode"] in ("fp32", "f16") else 0.12, 1 if row["mode"] == "bf16" else -1)
    add_legend(axes, rows)
    axes.set_ylabel("TFLOP/s", color=INK)
    return figure


def draw_panel(axes: plt.Axes, rows: list[dict], ceilings: dict, mode: str) -> None:
    """Every layer in one mode: upconv, PyTorch's best, and a line between them."""
    draw_bandwidth(axes, ceilings, [mode])
    draw_roofs(axes, ceilings, [mode])
    faster = 0
    for row in rows:
        x, ours, best = row["flops"] / row["bytes"], rate(row, median(row, "upconv")), rate(row, best_peer(row))
        faster += ours > best
        axes.plot([x, x], [best, ours], color=COLORS[mode] if ours > best else SLOWER, linewidth=1, alpha=0.6, zorder=3)
        axes.plot(x, best, "s", markersize=4.5, color="white", markeredgecolor=INK, markeredgewidth=1, zorder=4)
        axes.plot(x, ours, "o", markersize=6.5, color=COLORS[mode], markeredgecolor="white", markeredgewidth=0.7,
                  zorder=5)
    axes.set_title(f"{mode}: faster on {faster} of {len(rows)} layers", loc="left", fontsize=11, color=COLORS[mode])


def draw_many(rows: list[dict], ceilings: dict) -> plt.Figure:
    """A panel for each mode."""
    modes = list(dict.fromkeys(row["mode"] for row in rows))
    columns = min(2, len(modes))
    height = math.ceil(len(modes) / columns)
    figure, grid = plt.subplots(height, columns, figsize=(5.6 * columns, 4.2 * height + 0.8), sharex=True, sharey=True,
                                squeeze=False)
    figure.subplots_adjust(left=0.07, right=0.97, bottom=0.09, top=0.86, wspace=0.06, hspace=0.16)
    panels = list(grid.flat)
    for axes in panels:
        set_axes(axes, rows, ceilings, (1.8, 1.8))
    for axes, mode in zip(panels, modes):
        draw_panel(axes, [row for row in rows if row["mode"] == mode], ceilings, mode)
    for axes in panels[len(modes) :]:
        axes.set_visible(False)
    for line in grid:
        line[0].set_ylabel("TFLOP/s", color=INK)
    handles = [plt.Line2D([], [], linestyle="", marker="o", markersize=7, color=INK, label="upconv"),
               plt.Line2D([], [], linestyle="", marker="s", markersize=6, color="white", markeredgecolor=INK,
                          label="PyTorch, its best")]
    panels[0].legend(handles=handles, loc="lower right", frameon=False, fontsize=9, labelcolor=INK)
    return figure


def draw(run: dict, path: Path) -> None:
    """Writes the plot as PNG. Rows that were not timed are left out."""
    rows = [row for row in run["rows"] if median(row, "upconv") and best_peer(row)]
    if not rows:
        print(f"{path} is not drawn: the run timed nothing")
        return
    layers = list(dict.fromkeys(row["name"] for row in rows))
    one = len(layers) == 1
    figure = draw_one(rows, run["ceilings"]) if one else draw_many(rows, run["ceilings"])
    what = f"{layers[0]}, {rows[0]['problem']}" if one else f"{len(layers)} layers"
    figure.suptitle(f"Transposed convolution on {run['gpu']}: upconv and PyTorch {run['torch'].split('+')[0]}", x=0.02,
                    y=0.985, ha="left", fontsize=13, fontweight="bold", color=INK)
    figure.text(0.02, 0.925 if one else 0.935, f"{what}. Roofs measured in the same run; commit {run['commit']}",
                ha="left", va="center", fontsize=9, color="#707070")
    figure.supxlabel("operations a byte that must be moved, FLOP/B", fontsize=10, color=INK)
    figure.savefig(path, dpi=130)
    plt.close(figure)
