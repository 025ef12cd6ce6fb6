"""One convolution on the CPU, by upconv and by each peer that is installed, all on the same operands.

A runner is a class with a `name`, a `version()`, a constructor that prepares a layer, `run()`, which computes it once
and returns the seconds that took, and `result()`, its last output. Packages are imported where they are used: a peer
that is not installed is left out.
"""

from __future__ import annotations

import importlib
import subprocess
import tempfile
import time
from importlib import metadata
from pathlib import Path

import numpy as np

from conv_problem import ConvProblem


class Operands:
    """A problem's x, weight and bias, normally distributed; its output in double; all by numpy alone."""

    def __init__(self, problem: ConvProblem, seed: int = 1):
        random = np.random.default_rng(seed)
        self.problem = problem
        self.x = random.standard_normal(problem.x_shape, dtype=np.float32)
        self.weight = random.standard_normal(problem.weight_shape, dtype=np.float32)
        self.bias = random.standard_normal(problem.co, dtype=np.float32)

    def exact(self) -> np.ndarray:
        """The definition, tap by tap: a tap is a matrix product of channels between two strided views."""
        p = self.problem
        x = self.x.astype(np.float64)
        weight = self.weight.astype(np.float64)
        ci, co = p.ci // p.groups, p.co // p.groups
        y = np.zeros(p.y_shape)
        # The larger image, padded; the smaller one meets every stride-th pixel of it.
        large = y if p.transposed else x
        padded = np.zeros((p.n, large.shape[1], *(max(size + 2 * pad, (small - 1) * stride + dilation * (k - 1) + 1)
                          for size, pad, small, stride, dilation, k in (
                              (large.shape[2], p.pad_h, p.ih if p.transposed else p.oh, p.stride_h, p.dilation_h, p.kh),
                              (large.shape[3], p.pad_w, p.iw if p.transposed else p.ow, p.stride_w, p.dilation_w,
                               p.kw)))))
        inside = np.s_[:, :, p.pad_h:p.pad_h + large.shape[2], p.pad_w:p.pad_w + large.shape[3]]
        if not p.transposed:
            padded[inside] = x
        rows, columns = (p.ih, p.iw) if p.transposed else (p.oh, p.ow)
        for kh in range(p.kh):
            for kw in range(p.kw):
                top, left = kh * p.dilation_h, kw * p.dilation_w
                view = padded[:, :, top:top + (rows - 1) * p.stride_h + 1:p.stride_h,
                              left:left + (columns - 1) * p.stride_w + 1:p.stride_w]
                for g in range(p.groups):
                    ins, outs = np.s_[g * ci:(g + 1) * ci], np.s_[g * co:(g + 1) * co]
                    if p.transposed:
                        view[:, outs] += np.einsum("nihw,io->nohw", x[:, ins], weight[ins, :, kh, kw], optimize=True)
                    else:
                        y[:, outs] += np.einsum("nihw,oi->nohw", view[:, ins], weight[outs, :, kh, kw], optimize=True)
        if p.transposed:
            y = padded[inside]
        return y + self.bias[None, :, None, None]


class Upconv:
    """In a process of its own, bench/conv_runner.cpp, which times itself."""

    name = "upconv"
    program = "build/bench/conv_runner"

    def __init__(self, text: str, operands: Operands, threads: int):
        self.folder = tempfile.TemporaryDirectory()
        self.files = [Path(self.folder.name) / name for name in ("x", "weight", "bias", "y")]
        for path, array in zip(self.files, (operands.x, operands.weight, operands.bias)):
            array.tofile(path)
        self.shape = operands.problem.y_shape
        self.process = subprocess.Popen([self.program, text + "_f32", str(threads), *self.files],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.kernel = self.process.stdout.readline().strip()
        if not self.kernel:
            raise RuntimeError(f"{self.program} failed on {text}")

    def run(self) -> float:
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()) * 1e-9

    def result(self) -> np.ndarray:
        return np.fromfile(self.files[3], dtype=np.float32).reshape(self.shape)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


class Peer:
    """A peer that runs in this process; `call` computes once."""

    name = ""
    package = ""  # as PyPI calls it

    @classmethod
    def version(cls) -> str | None:
        """None where it is not installed."""
        try:
            for module in cls.modules:
                importlib.import_module(module)
            return metadata.version(cls.package)
        except ImportError:
            return None

    def run(self) -> float:
        start = time.perf_counter()
        self.call()
        return time.perf_counter() - start

    def close(self) -> None:
        pass


class PyTorch(Peer):
    name, package, modules = "PyTorch", "torch", ("torch",)
    channels_last = False

    def __init__(self, text: str, operands: Operands, threads: int):
        import torch

        torch.set_num_threads(threads)
        p = operands.problem
        options = dict(stride=(p.stride_h, p.stride_w), padding=(p.pad_h, p.pad_w),
                       dilation=(p.dilation_h, p.dilation_w), groups=p.groups)
        function = torch.nn.functional.conv2d
        if p.transposed:
            function = torch.nn.functional.conv_transpose2d
            options["output_padding"] = (p.output_pad_h, p.output_pad_w)
        x, weight, bias = (torch.from_numpy(array) for array in (operands.x, operands.weight, operands.bias))
        if self.channels_last:
            x, weight = (tensor.to(memory_format=torch.channels_last) for tensor in (x, weight))

        def call() -> None:
            with torch.inference_mode():
                self.y = function(x, weight, bias, **options)

        self.call = call

    def result(self) -> np.ndarray:
        return self.y.contiguous().numpy()


class PyTorchChannelsLast(PyTorch):
    name, channels_last = "PyTorch channels_last", True


def onnx_model(operands: Operands) -> bytes:
    """The layer as an ONNX model from "x" to "y"."""
    from onnx import TensorProto, checker, helper, numpy_helper

    p = operands.problem
    attributes = dict(kernel_shape=[p.kh, p.kw], strides=[p.stride_h, p.stride_w], group=p.groups,
                      pads=[p.pad_h, p.pad_w, p.pad_h, p.pad_w], dilations=[p.dilation_h, p.dilation_w])
    if p.transposed:
        attributes["output_padding"] = [p.output_pad_h, p.output_pad_w]
    node = helper.make_node("ConvTranspose" if p.transposed else "Conv", ["x", "weight", "bias"], ["y"], **attributes)
    graph = helper.make_graph(
        [node], "layer", [helper.make_tensor_value_info("x", TensorProto.FLOAT, p.x_shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, p.y_shape)],
        [numpy_helper.from_array(operands.weight, "weight"), numpy_helper.from_array(operands.bias, "bias")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


class OnnxRuntime(Peer):
    name, package, modules = "ONNX Runtime", "onnxruntime", ("onnx", "onnxruntime")

    def __init__(self, text: str, operands: Operands, threads: int):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(onnx_model(operands), options, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        x = onnxruntime.OrtValue.ortvalue_from_numpy(operands.x)
        self.y = onnxruntime.OrtValue.ortvalue_from_numpy(np.empty(operands.problem.y_shape, np.float32))
        binding.bind_ortvalue_input("x", x)
        binding.bind_ortvalue_output("y", self.y)
        self.call = lambda: session.run_with_iobinding(binding)

    def result(self) -> np.ndarray:
        return self.y.numpy()


class OpenVino(Peer):
    name, package, modules = "OpenVINO", "openvino", ("onnx", "openvino")

    def __init__(self, text: str, operands: Operands, threads: int):
        import openvino

        core = openvino.Core()
        model = core.read_model(onnx_model(operands))
        compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                                                     "INFERENCE_PRECISION_HINT": "f32"})
        self.request = compiled.create_infer_request()
        self.x = operands.x
        self.request.set_input_tensor(openvino.Tensor(self.x, shared_memory=True))
        self.call = self.request.infer

    def result(self) -> np.ndarray:
        return self.request.get_output_tensor().data


class Ncnn(Peer):
    """It knows no batches: the images of one are run in turn."""

    name, package, modules = "ncnn", "ncnn", ("ncnn",)

    def __init__(self, text: str, operands: Operands, threads: int):
        import ncnn

        p = operands.problem
        kind = ("Deconvolution" if p.transposed else "Convolution") + ("DepthWise" if p.groups > 1 else "")
        options = {0: p.co, 1: p.kw, 11: p.kh, 2: p.dilation_w, 12: p.dilation_h, 3: p.stride_w, 13: p.stride_h,
                   4: p.pad_w, 14: p.pad_h, 5: 1, 6: operands.weight.size}
        if p.groups > 1:
            options[7] = p.groups
        weight = operands.weight
        if p.transposed:
            options |= {18: p.output_pad_w, 19: p.output_pad_h}
            # ncnn wants each group as [out, in, kh, kw].
            weight = weight.reshape(p.groups, p.ci // p.groups, p.co // p.groups, p.kh, p.kw).transpose(0, 2, 1, 3, 4)
        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(self.net.opt, option, False)
        with tempfile.TemporaryDirectory() as folder:
            param, model = Path(folder) / "layer.param", Path(folder) / "layer.bin"
            param.write_text("7767517\n2 2\nInput x 0 1 x\n" + f"{kind} layer 1 1 x y "
                             + " ".join(f"{key}={value}" for key, value in options.items()) + "\n")
            model.write_bytes(bytes(4) + weight.tobytes() + operands.bias.tobytes())  # 4 bytes of 0: f32
            if self.net.load_param(str(param)) != 0 or self.net.load_model(str(model)) != 0:
                raise RuntimeError(f"ncnn cannot load {text}")
        images = [ncnn.Mat(np.ascontiguousarray(image)).clone() for image in operands.x]
        self.shape = p.y_shape

        def call() -> None:
            self.y = []
            for image in images:
                extractor = self.net.create_extractor()
                extractor.input("x", image)
                self.y.append(extractor.extract("y")[1])

        self.call = call

    def result(self) -> np.ndarray:
        return np.stack([np.array(image) for image in self.y]).reshape(self.shape)


PEERS = (PyTorch, PyTorchChannelsLast, OnnxRuntime, OpenVino, Ncnn)
