"""upconv and PyTorch on the same GPU tensors, in one process, on one stream, in turn: for bench/compare_pytorch.py.

Both take their output from PyTorch's allocator in every call. Inputs are standard normal and rotate through as many
buffers as it takes to leave the L2; outputs stay alive for a round, so they do too.

PyTorch is timed with cudnn.benchmark off, as it is by default, and on. It remembers what it chose for a shape whichever
the setting was, but each host thread remembers for itself; so what runs with the default has a thread of its own.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from conv_problem import DEFAULT, SUFFIX, ConvProblem, error_bound
from upconv_conv import Layer, Library

DTYPE = {"fp32": torch.float32, "tf32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
Call = Callable[[int], torch.Tensor]  # of the number of a buffer
Work = Callable[[], None]


def use_mode(mode: str) -> None:
    torch.backends.cuda.matmul.allow_tf32 = mode == "tf32"
    torch.backends.cudnn.allow_tf32 = mode == "tf32"
    torch.backends.cudnn.benchmark = True  # PyTorch picks cuDNN's fastest by trying


def here(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


class DefaultThread:
    """Runs functions one by one in another host thread, on `stream`, with cudnn.benchmark off."""

    def __init__(self, stream: torch.cuda.Stream):
        def start() -> None:  # both settings are the thread's own
            torch.set_grad_enabled(False)
            torch.cuda.set_stream(stream)

        self.pool = ThreadPoolExecutor(1, initializer=start)

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        torch.backends.cudnn.benchmark = False
        try:
            return self.pool.submit(function, *arguments).result()
        finally:
            torch.backends.cudnn.benchmark = True


@dataclass(frozen=True)
class Way:
    """A way to compute the problem, and what runs functions that call it: `here` or a DefaultThread."""

    call: Call
    run: Callable[..., Any] = here


class Operands:
    """Inputs and weight of a problem, and how PyTorch computes it."""

    def __init__(self, problem: ConvProblem, mode: str, l2_bytes: int):
        self.problem = problem
        self.mode = mode
        dtype = DTYPE[mode]
        generator = torch.Generator("cuda").manual_seed(1)
        self.count = max(2, 3 * l2_bytes // problem.bytes_moved(mode) + 1)

        def normal(shape: tuple[int, ...]) -> torch.Tensor:
            return torch.randn(shape, generator=generator, device="cuda").to(dtype)

        self.xs = [normal(problem.x_shape) for _ in range(self.count)]
        self.weight = normal(problem.weight_shape)
        p = problem
        self.options = dict(
            stride=(p.stride_h, p.stride_w), padding=(p.pad_h, p.pad_w), dilation=(p.dilation_h, p.dilation_w),
            output_padding=(p.output_pad_h, p.output_pad_w), groups=p.groups)

    def exact(self, image: int) -> torch.Tensor:
        """The output of one image in float64."""
        torch.backends.cudnn.enabled = False  # PyTorch's own matrix products then compute it
        try:
            return torch.nn.functional.conv_transpose2d(
                self.xs[0][image : image + 1].double(), self.weight.double(), **self.options)
        finally:
            torch.backends.cudnn.enabled = True

    def peers(self, default_thread: DefaultThread) -> dict[str, Way]:
        """PyTorch's ways to compute the problem, by name."""
        p = self.problem
        last = [x.contiguous(memory_format=torch.channels_last) for x in self.xs]
        weight_last = self.weight.contiguous(memory_format=torch.channels_last)
        transposed = torch.nn.functional.conv_transpose2d
        calls = {
            "NCHW": lambda i: transposed(self.xs[i], self.weight, **self.options),
            "channels_last": lambda i: transposed(last[i], weight_last, **self.options),
        }
        pad = (p.dilation_h * (p.kh - 1) - p.pad_h, p.dilation_w * (p.kw - 1) - p.pad_w)
        if (p.stride_h, p.stride_w, p.output_pad_h, p.output_pad_w) == (1, 1, 0, 0) and min(pad) >= 0:
            by_group = self.weight.reshape(p.groups, p.ci // p.groups, p.co // p.groups, p.kh, p.kw)
            flipped = by_group.transpose(1, 2).reshape(p.co, p.ci // p.groups, p.kh, p.kw).flip(2, 3).contiguous()
            flipped_last = flipped.contiguous(memory_format=torch.channels_last)
            options = dict(padding=pad, dilation=(p.dilation_h, p.dilation_w), groups=p.groups)
            calls["conv2d NCHW"] = lambda i: torch.nn.functional.conv2d(self.xs[i], flipped, **options)
            calls["conv2d channels_last"] = lambda i: torch.nn.functional.conv2d(last[i], flipped_last, **options)
        tuned = {name: Way(call) for name, call in calls.items()}
        return tuned | {name + DEFAULT: Way(call, default_thread) for name, call in calls.items()}


def relative_errors(operands: Operands, outputs: dict[str, torch.Tensor]) -> tuple[dict[str, float], float]:
    """The relative L2 error of each output of xs[0], and that of rounding the exact result, on the first and the last
    image."""
    images = sorted({0, operands.problem.n - 1})
    squares = dict.fromkeys([*outputs, "rounding"], 0.0)
    total = 0.0
    for image in images:
        exact = operands.exact(image)
        total += exact.square().sum().item()
        rounded = exact.to(DTYPE[operands.mode])
        for name, value in {**{n: y[image : image + 1] for n, y in outputs.items()}, "rounding": rounded}.items():
            squares[name] += (value.double() - exact).square().sum().item()
    errors = {name: (square / total) ** 0.5 for name, square in squares.items()}
    rounding = errors.pop("rounding")
    return errors, rounding


class Timer:
    """Milliseconds a call, in blocks of about `block` milliseconds."""

    def __init__(self, stream: torch.cuda.Stream, block: float):
        self.stream = stream
        self.block = block

    def time(self, work: Work, times: int) -> float:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record(self.stream)
        for _ in range(times):
            work()
        end.record(self.stream)
        end.synchronize()
        return begin.elapsed_time(end) / times

    def alternate(self, works: dict[str, tuple[Work, Way]], rounds: int) -> dict[str, list[float]]:
        """Runs the works in turn, `rounds` times; a block is timed after half a block that is not."""
        times = {name: max(1, round(self.block / way.run(self.time, work, 1))) for name, (work, way) in works.items()}
        samples: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(rounds):
            for name, (work, way) in works.items():
                way.run(self.time, work, (times[name] + 1) // 2)
                samples[name].append(way.run(self.time, work, times[name]))
        return samples


def eager(call: Call, outputs: list[torch.Tensor | None]) -> Work:
    """A round through the buffers. Every output lives until its buffer's next turn."""

    def work() -> None:
        for i in range(len(outputs)):
            outputs[i] = call(i)

    return work


def captured(call: Call, count: int, stream: torch.cuda.Stream) -> Work:
    """The same round as a CUDA graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        outputs = [call(i) for i in range(count)]
    del outputs
    return graph.replay


def measure(ways: dict[str, Way], count: int, timer: Timer, rounds: int) -> dict[str, dict]:
    """Milliseconds of each way, eager and replayed: median, least, largest, and their distance over the median."""
    works: dict[str, tuple[Work, Way]] = {}
    outputs: list[torch.Tensor | None] = [None] * count  # of whichever runs
    for name, way in ways.items():
        work = eager(way.call, outputs)
        way.run(work)  # warms up
        works[f"eager {name}"] = work, way
        works[f"graph {name}"] = way.run(captured, way.call, count, timer.stream), way
    samples = timer.alternate(works, rounds)
    result: dict[str, dict] = {name: {} for name in ways}
    for key, values in samples.items():
        kind, name = key.split(" ", 1)
        values = [value / count for value in values]
        median, least, largest = statistics.median(values), min(values), max(values)
        result[name][kind] = {"median": median, "min": least, "max": largest, "spread": (largest - least) / median}
    return result


def compare(library: Library, name: str, text: str, mode: str, timer: Timer, rounds: int,
            default_thread: DefaultThread) -> dict:
    """A row of the report: the problem checked and, if upconv is right, timed."""
    use_mode(mode)
    problem = ConvProblem.parse(text)
    operands = Operands(problem, mode, torch.cuda.get_device_properties(0).L2_cache_size)
    host_weight = operands.weight.float().cpu().contiguous()

    def layer(kernel: str = "") -> Layer:
        return Layer(library, text + SUFFIX[mode], timer.stream.cuda_stream, host_weight.data_ptr(), kernel)

    def run(which: Layer, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        which.run(x.data_ptr(), y.data_ptr())
        return y

    def output() -> torch.Tensor:
        return torch.empty(problem.y_shape, dtype=DTYPE[mode], device="cuda")

    ours = layer()
    peers = operands.peers(default_thread)
    outputs = {"upconv": run(ours, operands.xs[0], output().fill_(float("nan")))}
    if mode == "fp32":
        plain = layer("cuda.plain")
        outputs["plain loop"] = run(plain, operands.xs[0], output().fill_(float("nan")))
    skipped = {}
    for peer in list(peers):
        try:
            outputs[peer] = peers[peer].run(peers[peer].call, 0)
        except RuntimeError as error:  # cuDNN cannot do everything
            skipped[peer] = str(error)
            del peers[peer]
    errors, rounding = relative_errors(operands, outputs)
    del outputs
    if mode == "fp32":
        plain.close()
    bound = error_bound(problem, mode, rounding)
    row = {
        "name": name, "problem": text, "mode": mode, "kernel": ours.kernel, "flops": problem.flops,
        "bytes": problem.bytes_moved(mode), "errors": errors, "rounding_error": rounding, "bound": bound,
        "buffers": operands.count, "skipped": skipped, "failed": "", "times": {},
    }
    if not errors["upconv"] <= bound:
        row["failed"] = f"upconv's relative error is {errors['upconv']:.2e}, more than {bound:.2e}"
    for peer in peers:
        if not errors[peer] <= 0.02:
            row["failed"] = f"PyTorch {peer} computes something else: its relative error is {errors[peer]:.2e}"
    if not row["failed"]:
        ways = {"upconv": Way(lambda i: run(ours, operands.xs[i], output())), **peers}
        row["times"] = measure(ways, operands.count, timer, rounds)
    torch.cuda.synchronize()
    ours.close()
    return row


def ceilings(timer: Timer) -> dict:
    """What the GPU can do: a large copy, counting bytes read and written, and products of 8192 x 8192 matrices by
    PyTorch in every mode. In fp32 the larger of that and f16's over 4.5, since three f16 products and three at
    twice their rate make one of fp32."""
    source = torch.randn(2**28, device="cuda")
    target = torch.empty_like(source)

    def fastest(work: Work) -> float:
        work()
        return 1e-3 * min(timer.time(work, 4) for _ in range(5))

    bandwidth = 2 * source.nbytes / fastest(lambda: target.copy_(source))
    del source, target
    size = 8192
    rates = {}
    for mode, dtype in DTYPE.items():
        use_mode(mode)
        a, b = (torch.randn(size, size, device="cuda").to(dtype) for _ in range(2))
        product = torch.empty_like(a)
        rates[mode] = 2 * size**3 / fastest(lambda: torch.mm(a, b, out=product))
    return {
        "bytes_per_second": bandwidth,
        "matrix_flops_per_second": rates,
        "flops_per_second": {**rates, "fp32": max(rates["fp32"], rates["f16"] / 4.5)},
    }


def versions() -> dict[str, str]:
    cudnn = torch.backends.cudnn.version() or 0
    return {"gpu": torch.cuda.get_device_name(0), "cuda": str(torch.version.cuda), "torch": torch.__version__,
            "cudnn": f"{cudnn // 10000}.{cudnn // 100 % 100}.{cudnn % 100}"}


def compare_all(library: Library, problems: list[tuple[str, str]], modes: list[str], block: float, rounds: int,
                report: Callable[[dict, dict], None]) -> None:
    """Compares every problem in every mode; the ceilings and each row go to `report` as soon as they are there."""
    stream = torch.cuda.Stream()
    timer = Timer(stream, block)
    default_thread = DefaultThread(stream)
    with torch.no_grad(), torch.cuda.stream(stream):
        limits = ceilings(timer)
        for text, name in problems:
            for mode in modes:
                report(limits, compare(library, name, text, mode, timer, rounds, default_thread))
                torch.cuda.empty_cache()
        stream.synchronize()
