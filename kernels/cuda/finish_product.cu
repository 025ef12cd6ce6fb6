#include <upconv/framework/error.h>
#include <upconv/kernels/cuda/cublaslt.h>
#include <upconv/kernels/cuda/device/finish_product.cuh>
#include <upconv/kernels/cuda/epilogue.h>
#include <upconv/kernels/cuda/launch.h>

// One pass over a matrix product's sums: reads 4 bytes, writes 2 (f16, bf16) for an element. The sums were
// written just before and are few enough to lie in the GPU's cache, so that mostly y's bytes count.
namespace upconv::kernels::cuda {

void finish_product(const FinishedProduct& product, ExecutionContext& ctx) {
  constexpr int kWide = 4;
  visit_device_dtype(product.dtype, [&]<class T>(std::type_identity<T>) {
    const auto launch = [&]<int V, bool kByColumn>(std::integral_constant<int, V>,
                                                   std::bool_constant<kByColumn>) {
      const std::int64_t count = product.rows * product.columns / V;
      launch_grid_stride(device::finish_product<T, V, kByColumn>, count, ctx, product.sums,
                         static_cast<T*>(product.y), static_cast<long long>(product.first),
                         static_cast<unsigned>(count), static_cast<unsigned>(product.columns),
                         static_cast<unsigned>(product.channels), static_cast<long long>(product.pitch),
                         device_epilogue(product.epilogue));
    };
    const bool wide = product.columns % kWide == 0 && product.pitch % kWide == 0 &&
                      product.first % kWide == 0 &&
                      reinterpret_cast<std::uintptr_t>(product.y) % (kWide * sizeof(T)) == 0;
    const auto with_channels = [&](auto by_column) {
      wide ? launch(std::integral_constant<int, kWide>{}, by_column)
           : launch(std::integral_constant<int, 1>{}, by_column);
    };
    product.channel_is_column ? with_channels(std::true_type{}) : with_channels(std::false_type{});
  });
}

}  // namespace upconv::kernels::cuda
