#include <upconv/upconv.h>

/// A plugin with upconv inside it: writes and reads weights under a filter of upconv's own, and runs a layer
/// on several threads. Returns 0, or 1 if anything failed.
extern "C" __attribute__((visibility("default"))) int run_plugin(const char* path) {
  try {
    upconv::StateDict weights;
    weights.insert("weight", upconv::Tensor::full({16, 16, 3, 3}, 0.25));
    weights.insert("bias", upconv::Tensor::full({16}, 0.5));
    upconv::write_hdf5(path, weights, {.compression = upconv::Hdf5Compression::lzf});
    upconv::Conv2d layer({.in_channels = 16, .out_channels = 16, .kernel_size = {3, 3}});
    upconv::load_hdf5(layer, path);
    upconv::ExecutionContext context({.num_threads = 4});
    layer.prepare(context);
    const upconv::Tensor y = layer.forward(upconv::Tensor::full({1, 16, 64, 64}, 1.0), context);
    return y.data<float>()[0] == 16 * 9 * 0.25f + 0.5f ? 0 : 1;
  } catch (const upconv::Error&) {
    return 1;
  }
}
