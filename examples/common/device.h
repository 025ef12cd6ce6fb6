#pragma once

#include <string>

#include <upconv/framework/context.h>

namespace examples {

/// "cpu, 2 threads" or "cuda:0 (NVIDIA H200)"
std::string describe_device(const upconv::ExecutionContext& ctx);

}  // namespace examples
