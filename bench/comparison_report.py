"""What bench/compare_pytorch.py found, as lines for a terminal and as Markdown; plain Python.

A run is a dict: gpu, driver, cuda, torch, cudnn, commit, date, command, rounds, ceilings, rows (gpu_comparison.py).
"""

from __future__ import annotations

from conv_problem import DEFAULT, FLAGSHIP

OPERATIONS = ("NCHW", "channels_last", "conv2d NCHW", "conv2d channels_last")
PEERS = (*OPERATIONS, *(operation + DEFAULT for operation in OPERATIONS))  # with cudnn.benchmark on, and off
# What upconv is held against, each the fastest of several ways.
RIVALS = {
    "NCHW default": ("NCHW" + DEFAULT,),
    "NCHW tuned": ("NCHW",),
    "best channels_last": tuple(peer for peer in PEERS if "channels_last" in peer),
}


def median(row: dict, who: str, kind: str = "graph") -> float | None:
    """Milliseconds of `who` in the row, or None if it was not timed."""
    times = row["times"].get(who)
    return times[kind]["median"] if times else None


def best_peer(row: dict, kind: str = "graph", peers: tuple[str, ...] = PEERS) -> float | None:
    """Milliseconds of the fastest of these ways of PyTorch."""
    return min((t for t in (median(row, peer, kind) for peer in peers) if t is not None), default=None)


def speedup(row: dict, kind: str = "graph", peers: tuple[str, ...] = PEERS) -> float | None:
    ours, theirs = median(row, "upconv", kind), best_peer(row, kind, peers)
    return theirs / ours if ours and theirs else None


def tflops(row: dict, who: str = "upconv") -> float | None:
    time = median(row, who)
    return row["flops"] / time * 1e-9 if time else None


def spread(row: dict, who: str = "upconv", kind: str = "graph") -> float | None:
    """(largest - least) / median."""
    times = row["times"].get(who)
    return times[kind]["spread"] if times else None


def memory_share(row: dict, ceilings: dict) -> float | None:
    """The time that moving every operand once takes, of the time that it took."""
    time = median(row, "upconv")
    return row["bytes"] / ceilings["bytes_per_second"] / (time * 1e-3) if time else None


def roof_share(row: dict, ceilings: dict) -> float | None:
    """The least time that the measured ceilings allow, of the time that it took."""
    time = median(row, "upconv")
    if not time:
        return None
    least = max(row["flops"] / ceilings["flops_per_second"][row["mode"]], row["bytes"] / ceilings["bytes_per_second"])
    return least / (time * 1e-3)


def flagship_share(row: dict, rows: list[dict]) -> float | None:
    """TFLOP/s, of the flagship's in the same mode."""
    for other in rows:
        if other["problem"] == FLAGSHIP and other["mode"] == row["mode"] and tflops(other) and tflops(row):
            return tflops(row) / tflops(other)
    return None


def number(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else format(value, form) + unit


def milliseconds(value: float | None) -> str:
    """Three or four digits."""
    if value is None:
        return ""
    return format(value, ".4f" if value < 0.1 else ".3f" if value < 10 else ".2f")


# The rivals, in milliseconds and in upconv's speed-up.
COLUMNS = (f"{'layer':24} {'mode':5}{'upconv ms':>10}{'default':>9}{'tuned':>9}{'ch_last':>9}"
           f"{'/ deflt':>8}{'/ tuned':>8}{'/ ch_l.':>8}{'TFLOP/s':>9}{'roof':>6}{'spread':>7}{'error':>10}  kernel")


def product_rates(run: dict) -> str:
    return ", ".join(f"{mode} {rate * 1e-12:.0f}" for mode, rate in run["ceilings"]["matrix_flops_per_second"].items())


def heading(run: dict) -> str:
    """What was measured on, and the columns of `line`."""
    return (f"{run['gpu']}, driver {run['driver']}, CUDA {run['cuda']}, PyTorch {run['torch']}, cuDNN {run['cudnn']}, "
            f"commit {run['commit']}\ncopy {run['ceilings']['bytes_per_second'] * 1e-12:.2f} TB/s; 8192 x 8192 matrix "
            f"products, TFLOP/s: {product_rates(run)}\n\n{COLUMNS}")


def line(row: dict, ceilings: dict) -> str:
    """The row for a terminal."""
    start = f"{row['name']:24} {row['mode']:5}"
    if row["failed"]:
        return f"{start} FAILED: {row['failed']}"
    times = "".join(f"{milliseconds(best_peer(row, peers=peers)) or '-':>9}" for peers in RIVALS.values())
    ratios = "".join(f"{number(speedup(row, peers=peers), '.2f', 'x') or '-':>8}" for peers in RIVALS.values())
    return (f"{start}{milliseconds(median(row, 'upconv')):>10}{times}{ratios}"
            f"{number(tflops(row), '.1f'):>9}{number(roof_share(row, ceilings), '.0%'):>6}"
            f"{number(spread(row), '.1%'):>7}{row['errors']['upconv']:>10.2e}  {row['kernel']}")


def summary(row: dict) -> str:
    """The row in few words: upconv and its rivals."""
    start = f"{row['mode']:5}"
    if row["failed"]:
        return f"{start} FAILED: {row['failed']}"
    rivals = []
    for name, peers in RIVALS.items():
        ratio = number(speedup(row, peers=peers), ".2f", "x")
        rivals.append(f"{name} {milliseconds(best_peer(row, peers=peers)) or '-':>5} ({ratio or '-'})")
    return (f"{start} upconv {milliseconds(median(row, 'upconv')):>6} ms, PyTorch {', '.join(rivals)}, "
            f"error {row['errors']['upconv']:.2e} of {row['bound']:.2e}")


def cell(row: dict, *ways: str) -> str:
    """Milliseconds of the fastest, of a graph's replay and, in brackets, of eager calls."""
    graph, called = best_peer(row, "graph", ways), best_peer(row, "eager", ways)
    return "" if graph is None else f"{milliseconds(graph)} ({milliseconds(called)})"


def ratio(row: dict, peers: tuple[str, ...]) -> str:
    """upconv's speed-up, in the same way."""
    graph, called = speedup(row, "graph", peers), speedup(row, "eager", peers)
    return "" if graph is None else f"{number(graph, '.2f')} ({number(called, '.2f')})"


def table(columns: list[tuple[str, str]], lines: list[list[str]]) -> str:
    """A Markdown table of (heading, alignment) columns."""
    heads = [heading for heading, _ in columns]
    rule = "|".join(alignment for _, alignment in columns)
    first, *others = ("| " + " | ".join(cells) + " |" for cells in [heads, *lines])
    return "\n".join([first, f"|{rule}|", *others]) + "\n"


def times_table(rows: list[dict]) -> str:
    """upconv and its rivals."""
    columns = [("layer", "---"), ("mode", "---"), ("upconv", "---:"), *((name, "---:") for name in RIVALS),
               *((f"{name} / upconv", "---:") for name in RIVALS)]
    lines = []
    for row in rows:
        if row["failed"]:
            lines.append([row["name"], row["mode"], f"failed: {row['failed']}", *[""] * (2 * len(RIVALS))])
            continue
        lines.append([row["name"], row["mode"], cell(row, "upconv"), *(cell(row, *peers) for peers in RIVALS.values()),
                      *(ratio(row, peers) for peers in RIVALS.values())])
    return table(columns, lines)


def peers_table(rows: list[dict]) -> str:
    """All of PyTorch's ways, and upconv beside the fastest of them."""
    columns = [("layer", "---"), ("mode", "---"), *((peer, "---:") for peer in PEERS), ("fastest / upconv", "---:")]
    return table(columns, [[row["name"], row["mode"], *(cell(row, peer) for peer in PEERS), ratio(row, PEERS)]
                           for row in rows if not row["failed"]])


def rates_table(rows: list[dict], ceilings: dict) -> str:
    relative = any(row["problem"] != FLAGSHIP for row in rows) and any(row["problem"] == FLAGSHIP for row in rows)
    columns = [("layer", "---"), ("mode", "---"), ("TFLOP/s", "---:"), ("GB/s", "---:"), ("of the roof", "---:"),
               ("of bandwidth", "---:"), *([("of the flagship", "---:")] if relative else []), ("spread", "---:"),
               ("kernel", "---")]
    lines = []
    for row in (row for row in rows if not row["failed"]):
        share = [number(flagship_share(row, rows), ".0%")] if relative else []
        lines.append([
            row["name"], row["mode"], number(tflops(row), ".1f"), f"{row['bytes'] / median(row, 'upconv') * 1e-6:.0f}",
            number(roof_share(row, ceilings), ".0%"), number(memory_share(row, ceilings), ".0%"), *share,
            number(spread(row), ".1%"), f"`{row['kernel']}`"])
    return table(columns, lines)


def errors_table(rows: list[dict]) -> str:
    columns = [("layer", "---"), ("mode", "---"), ("upconv", "---:"), ("may be", "---:"), ("plain fp32 loop", "---:"),
               ("rounding the exact result", "---:"), *((f"PyTorch {operation}" if i == 0 else operation, "---:")
                                                         for i, operation in enumerate(OPERATIONS))]
    lines = []
    for row in rows:
        errors = []
        for operation in OPERATIONS:  # the larger error of its two settings
            both = [row["errors"][peer] for peer in (operation, operation + DEFAULT) if peer in row["errors"]]
            errors.append(number(max(both, default=None), ".2e"))
        rounding = number(row["rounding_error"], ".2e") if row["mode"].endswith("16") else ""
        lines.append([row["name"], row["mode"], f"{row['errors']['upconv']:.2e}", f"{row['bound']:.2e}",
                      number(row["errors"].get("plain loop"), ".2e"), rounding, *errors])
    return table(columns, lines)


def problems_table(rows: list[dict]) -> str:
    names = {row["name"]: row["problem"] for row in rows}
    return table([("layer", "---"), ("problem", "---")], [[name, f"`{problem}`"] for name, problem in names.items()])


def markdown(run: dict) -> str:
    """The whole run, for docs/results.md."""
    ceilings, rows = run["ceilings"], run["rows"]
    return "\n".join([
        f"{run['gpu']}, driver {run['driver']}, CUDA {run['cuda']}, PyTorch {run['torch']}, cuDNN {run['cudnn']}; "
        f"commit {run['commit']}, {run['date']}.\n",
        f"    {run['command']}\n",
        f"Ceilings measured in the same run: a copy within the GPU {ceilings['bytes_per_second'] * 1e-12:.2f} TB/s; "
        f"8192 x 8192 matrix products by PyTorch, TFLOP/s: {product_rates(run)}. The roof in fp32 is "
        f"{ceilings['flops_per_second']['fp32'] * 1e-12:.0f}: f16's over 4.5 or the fp32 product, the larger.\n",
        f"Milliseconds, median of {run['rounds']} rounds in turn, of a CUDA graph's replay (of eager calls). PyTorch's "
        "conv_transpose2d in NCHW with cudnn.benchmark off, as it is by default, and on (tuned); and its fastest way "
        "in channels_last.\n",
        times_table(rows),
        "PyTorch's ways: tuned, if nothing else is said; conv2d is the same layer with flipped weights, where the "
        "stride is 1.\n",
        peers_table(rows),
        rates_table(rows, ceilings),
        "Relative L2 error against float64:\n",
        errors_table(rows),
        problems_table(rows),
    ])
