#include "common/device.h"

#include <upconv/framework/message.h>

namespace examples {

std::string describe_device(const upconv::ExecutionContext& ctx) {
  if (!ctx.device().is_cpu()) return upconv::message(ctx.device(), " (", ctx.caps().name, ')');
  return upconv::message(ctx.device(), ", ", ctx.num_threads(),
                         ctx.num_threads() == 1 ? " thread" : " threads");
}

}  // namespace examples
