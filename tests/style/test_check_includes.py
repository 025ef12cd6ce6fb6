"""Plants one violation after another in a small tree and expects tools/check_includes.py to name it."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from check_includes import check_tree  # noqa: E402  (found through the path above)

CLEAN = {
    "upconv.h": "#pragma once\n\n#include <upconv/layers/conv.h>\n",
    "framework/CMakeLists.txt": "upconv_add_library(framework SOURCES a.cpp HEADERS tensor.h module.h hdf5/hdf5.h)\n",
    "framework/tensor.h": "#pragma once\n#include <vector>\n",
    "framework/module.h": "#pragma once\n#include <upconv/framework/tensor.h>\n",
    "framework/cuda_runtime.h": "#pragma once\n",
    "framework/cuda_runtime.cpp": "#include <cuda_runtime.h>\n#include <upconv/framework/cuda_runtime.h>\n",
    "framework/hdf5/read.cpp": "#include <hdf5.h>\n#include <lzf.h>\n",
    "framework/hdf5/hdf5.h": "#pragma once\n#include <upconv/framework/module.h>\n",
    "framework/hdf5/file.h": "#pragma once\n#include <hdf5.h>\n",
    "kernels/CMakeLists.txt": "upconv_add_library(kernels SOURCES a.cpp HEADERS conv.h)\n",
    "kernels/conv.h": "#pragma once\n#include <upconv/framework/tensor.h>\n",
    "kernels/cpu/fast.h": "#pragma once\n#include <upconv/kernels/conv.h>\n",
    "kernels/cpu/fast.cpp": "#include <hwy/highway.h>\n#include <upconv/kernels/cpu/fast.h>\n",
    "kernels/cpu/fast-inl.h": "#if defined(FAST_INL_H_) == defined(HWY_TARGET_TOGGLE)\n#endif\n",
    "kernels/cuda/device/copy.cuh": "#pragma once\n#include <cuda_fp16.h>\n#if __CUDA_ARCH__ >= 900\n#endif\n",
    "kernels/cuda/conv.cu": "#include <upconv/kernels/cuda/device/copy.cuh>\n",
    "layers/CMakeLists.txt": "upconv_add_library(layers SOURCES a.cpp HEADERS conv.h)  # HEADERS none.h\n",
    "layers/conv.h": "#pragma once\n#include <upconv/framework/module.h>\n#include <upconv/kernels/conv.h>\n",
    "examples/up/main.cpp": '#include "up/own.h"\n#include <upconv/upconv.h>\n',
    "examples/up/own.h": "#pragma once\n",
    "tests/kernel_test.cpp": "#include <upconv/kernels/cpu/fast.h>\n#include <cuda_runtime.h>\n",
    "tools/inspect.cpp": "#include <upconv/framework/tensor.h>\n",
}

# (file, its new text, what the message must say)
VIOLATIONS = [
    ("framework/tensor.h", "#pragma once\n#include <upconv/kernels/conv.h>\n", "framework must not depend on kernels"),
    ("framework/a.cpp", "#include <upconv/layers/conv.h>\n", "framework must not depend on layers"),
    ("kernels/conv.cpp", "#include <upconv/layers/conv.h>\n", "kernels must not depend on layers"),
    ("kernels/conv.cpp", "#include <upconv/framework/module.h>\n", "kernels know views, not modules"),
    ("kernels/conv.cpp", "#include <upconv/upconv.h>\n", "include the header that is meant"),
    ("kernels/conv.h", "#pragma once\n#include <upconv/kernels/cpu/fast.h>\n", "is not installed"),
    ("layers/conv.cpp", "#include <upconv/kernels/cpu/fast.h>\n", "is internal"),
    ("layers/conv.cpp", "#include <upconv/framework/cuda_runtime.h>\n", "is internal"),
    ("examples/up/main.cpp", "#include <upconv/kernels/cuda/device/copy.cuh>\n", "is internal"),
    ("tools/inspect.cpp", "#include <hdf5.h>\n", "<hdf5.h> may be included only in"),
    ("layers/conv.cpp", "#include <cuda_runtime.h>\n", "<cuda_runtime.h> may be included only in"),
    ("framework/hdf5/hdf5.h", "#pragma once\n#include <hdf5.h>\n", "<hdf5.h>: no public header"),
    ("framework/hdf5/hdf5.h", "#pragma once\n#include <upconv/framework/hdf5/file.h>\n", "is not installed"),
    ("framework/module.cpp", "#include <hdf5.h>\n", "<hdf5.h> may be included only in"),
    ("framework/tensor.h", "#pragma once\n#  include <cuda_runtime.h>\n", "<cuda_runtime.h>: no public header"),
    ("layers/conv.h", "#pragma once\n#include <Eigen/Core>\n", "<Eigen/Core>: no public header"),
    ("kernels/conv.h", "#pragma once\n#include <hwy/highway.h>\n", "<hwy/highway.h>: no public header"),
    ("kernels/conv.cpp", '#include "conv.h"\n', "one include form"),
    ("kernels/conv.cpp", "#include <../framework/tensor.h>\n", "one include form"),
    ("examples/up/main.cpp", '#include "framework/tensor.h"\n', "one include form"),
    ("kernels/conv.cpp", "#include <upconv/framework/tensors.h>\n", "does not exist"),
    ("kernels/cuda/device/copy.cuh", "#pragma once\n#include <upconv/framework/tensor.h>\n",
     "device code includes nothing outside"),
    ("framework/tensor.h", "#include <vector>\n", "#pragma once"),
    ("framework/tensor.h", "#ifndef TENSOR_H\n#define TENSOR_H\n#endif\n", "#pragma once"),
    ("framework/tensor.h", "#pragma once\n#ifdef UPCONV_CUDA\n#endif\n", "no macros or conditional code"),
    ("kernels/conv.h", "#pragma once\n#define DISPATCH(T) T\n", "no macros or conditional code"),
    ("kernels/cuda/device/copy.cuh", "#pragma once\n#ifdef FAST\n#endif\n", "no macros or conditional code"),
    ("upconv.h", "#pragma once\nnamespace upconv {}\n", "gathers headers and holds nothing else"),
    ("kernels/new.h", "#pragma once\n", "is not listed under HEADERS in kernels/CMakeLists.txt"),
    ("framework/CMakeLists.txt", "upconv_add_library(framework HEADERS tensor.h module.h hdf5/hdf5.h cuda_runtime.h)\n",
     "is internal but listed"),
    ("tests/CMakeLists.txt", "file( GLOB sources *.cpp)\n", "list the files by name"),
    ("cmake/Sources.cmake", "file(GLOB_RECURSE sources *.cpp)\n", "list the files by name"),
]


class CheckIncludes(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def test_clean_tree_passes(self) -> None:
        self.assertEqual(check_tree(self.root), [])

    def test_each_planted_violation_is_named(self) -> None:
        for path, text, message in VIOLATIONS:
            with self.subTest(path=path, text=text):
                self.write(path, text)
                problems = check_tree(self.root)
                self.assertTrue(any(message in p for p in problems), problems)
                if path in CLEAN:
                    self.write(path, CLEAN[path])
                else:
                    (self.root / path).unlink()

    def test_line_number_is_given(self) -> None:
        self.write("framework/tensor.h", "#pragma once\n\n#include <hdf5.h>\n")
        self.assertTrue(check_tree(self.root)[0].startswith("framework/tensor.h:3: "))


if __name__ == "__main__":
    unittest.main()
