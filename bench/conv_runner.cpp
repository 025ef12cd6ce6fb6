// One convolution, timed on command: the C++ half of cpu_peers.py.
//
//   conv_runner <problem string> <threads> <x> <weight> <bias> <y>
//
// x, weight and bias are files of raw f32; y is written by the first run. Then, for every line on standard
// input, it runs once and prints the nanoseconds. The first line it prints names the kernel.

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include <upconv/kernels/convolution.h>

namespace {

using upconv::Tensor;

Tensor read(const char* path, const upconv::Shape& shape) {
  Tensor tensor = Tensor::empty(shape);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(tensor.data<float>().data()),
            static_cast<std::streamsize>(tensor.spec().bytes()));
  if (!file) throw std::runtime_error(std::string("cannot read ") + path);
  return tensor;
}

void run(char** argv) {
  const auto problem = upconv::kernels::ConvProblem::parse(argv[1]);
  std::string kernel;
  upconv::ExecutionContext ctx({.num_threads = std::atoi(argv[2]),
                                .trace = [&](const upconv::TraceEvent& event) { kernel = event.kernel; }});
  const Tensor x = read(argv[3], problem.x_shape());
  const Tensor weight = read(argv[4], problem.weight_shape());
  const Tensor bias = read(argv[5], {problem.co});
  const auto packed = upconv::kernels::pack_weight(problem, weight, ctx.device());
  Tensor y = Tensor::zeros(problem.y_shape());
  const upconv::kernels::ConvOperands operands{
      .x = x, .weight = weight, .packed_weight = &packed, .epilogue = {.bias = bias}, .y = y};
  upconv::kernels::convolution(problem, operands, "runner", ctx);
  std::ofstream(argv[6], std::ios::binary)
      .write(reinterpret_cast<const char*>(y.data<float>().data()),
             static_cast<std::streamsize>(y.spec().bytes()));
  std::cout << kernel << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    upconv::kernels::convolution(problem, operands, "runner", ctx);
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
    std::cout << spent.count() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::cerr << "usage: conv_runner <problem> <threads> <x> <weight> <bias> <y>\n";
    return 2;
  }
  try {
    run(argv);
  } catch (const std::exception& error) {
    std::cerr << "conv_runner: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
