#include <algorithm>

#include <upconv/framework/memory.h>
#include <upconv/kernels/cpu/convolution_plan.h>
#include <upconv/kernels/cpu/parallel.h>

namespace upconv::kernels::cpu {

namespace {

// Budgets of one thread, in floats: tiles that stay in a 1 MB (or 512 KB) second-level cache.
constexpr std::int64_t kInputBudget = 64 * 1024;
constexpr std::int64_t kOutputBudget = 16 * 1024;
// The least tile may exceed kInputBudget, with many input channels or dilated taps. Beyond these, and beyond
// a thread's part of half the operands' size, the input channels are loaded in slices, and the sums of all
// output channels wait in between.
constexpr std::int64_t kLargestInput = 256 * 1024;
constexpr std::int64_t kLargestOutput = 128 * 1024;
constexpr std::int64_t kWidestTile = 256;  // columns, and a multiple of every vector
constexpr std::int64_t kLeastPixels = 48;  // three vectors of AVX-512: below, the weights are read too often
constexpr std::int64_t kItemsPerThread = 6;                // enough for an even end; more would reload halos
constexpr std::int64_t kStreamedOutput = 4 * 1024 * 1024;  // 16 MB

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
std::int64_t round_up(std::int64_t a, std::int64_t b) {
  return ceil_div(a, b) * b;
}

/// How far the taps of an axis lie apart.
std::int64_t spread(const ConvAxis& axis) {
  std::int64_t least = axis.shift_of(0), most = least;
  for (std::int64_t k = 1; k < axis.kernel; ++k) {
    least = std::min(least, axis.shift_of(k));
    most = std::max(most, axis.shift_of(k));
  }
  return most - least;
}

/// At most this many elements of a plane does a tile of `q` pixels read.
std::int64_t largest_window(const ConvAxis& axis, std::int64_t q) {
  const std::int64_t apart = q + spread(axis);
  // A kept tap touches the image, which bounds the window of widely dilated taps.
  return axis.zeros ? std::min(apart, axis.plane_size(0) + 2 * q) : apart;
}

/// Taps times pixels of an axis that read the image and not its padding.
double useful_taps(const ConvAxis& axis) {
  double count = 0;
  for (std::int64_t k = 0; k < axis.kernel; ++k) {
    if (!axis.zeros) return static_cast<double>(axis.pixels() * axis.kernel);
    const std::int64_t shift = axis.shift_of(k);
    const std::int64_t begin = std::max<std::int64_t>(0, -shift);
    const std::int64_t end = std::min(axis.pixels(), axis.plane_size(axis.plane_of(k)) - shift);
    count += static_cast<double>(std::max<std::int64_t>(0, end - begin));
  }
  return count;
}

/// Products a lane, in vectors, of the whole batch: what the three modes differ in.
struct ModeCosts {
  double rows, flat, batch;
};

ModeCosts costs(const ConvPlan& plan, std::int64_t height, std::int64_t width) {
  const ConvProblem& p = plan.problem;
  const auto real = [](std::int64_t value) { return static_cast<double>(value); };
  const std::int64_t pitch = width + spread(plan.layout.width);
  const double taps = real(p.kh * p.kw);
  const double stacked = real(p.n * (height + spread(plan.layout.height)) * pitch) / real(plan.lanes);
  const double alone = real(p.n * ceil_div((height - 1) * pitch + width, plan.lanes));
  ModeCosts result{};
  result.rows = taps * real(p.n * height * ceil_div(width, plan.lanes));
  result.flat = taps * std::min(stacked, alone);
  result.batch =
      useful_taps(plan.layout.height) * useful_taps(plan.layout.width) * real(ceil_div(p.n, plan.lanes));
  // Batch mode gathers x and scatters y one element at a time, some 2 and 4 cycles each.
  const double gathered =
      real(height * width * p.n) * real(largest_window(plan.layout.height, 1)) *
      real(largest_window(plan.layout.width, 1) * plan.layout.height.planes() * plan.layout.width.planes());
  result.batch +=
      2.0 * gathered / real(p.co_per_group()) + 4.0 * real(p.n * p.oh() * p.ow()) / real(p.ci_per_group());
  return result;
}

}  // namespace

ConvPlan::ConvPlan(const ConvProblem& p, std::int64_t vector_lanes, int max_threads)
    : problem(p),
      layout(p),
      lanes(vector_lanes),
      mode(TileMode::rows),
      images(1),
      threads(worthwhile_threads(max_threads, p.flops())) {
  const ConvAxis &h = layout.height, &w = layout.width;
  const std::int64_t height = h.pixels(), width = w.pixels();
  const ModeCosts cost = costs(*this, height, width);
  if (cost.flat < cost.rows && width < 4 * lanes) mode = TileMode::flat;
  if (cost.batch < std::min(cost.rows, cost.flat)) mode = TileMode::batch;

  const std::int64_t in_planes = h.planes() * w.planes();
  const auto input_size = [&](std::int64_t n, std::int64_t q_rows, std::int64_t q_cols) {
    return layout.ci * in_planes * n * largest_window(h, q_rows) * largest_window(w, q_cols);
  };
  const auto output_size = [&](std::int64_t pixels) { return w.phases() * layout.channels * pixels; };
  // In whole vectors: what the lanes run over, with the halo that shares them.
  const auto pixels_of = [&](std::int64_t n, std::int64_t q_rows, std::int64_t q_cols) -> std::int64_t {
    switch (mode) {
      case TileMode::rows:
        return q_rows * round_up(q_cols, lanes);
      case TileMode::flat:
        return round_up(n * largest_window(h, q_rows) * largest_window(w, q_cols), lanes);
      case TileMode::batch:
        return round_up(n, lanes);
    }
    return 0;
  };
  const auto fits = [&](std::int64_t n, std::int64_t q_rows, std::int64_t q_cols) {
    return input_size(n, q_rows, q_cols) <= kInputBudget &&
           output_size(pixels_of(n, q_rows, q_cols)) <= kOutputBudget;
  };
  const std::int64_t wanted_items = kItemsPerThread * threads;

  const std::int64_t least = std::max(lanes, kLeastPixels / lanes * lanes);
  // As many rows as fit, but so that there is work for every thread.
  const auto choose_rows = [&] {
    const std::int64_t strips = std::max<std::int64_t>(1, problem.n) * problem.groups * ceil_div(width, cols);
    while (rows < height && (fits(1, rows + 1, cols) || rows * cols < least)) {
      if (rows * cols >= least && strips * ceil_div(height, rows + 1) < wanted_items) break;
      ++rows;
    }
    rows = ceil_div(height, ceil_div(height, rows));
  };
  rows = cols = 1;
  switch (mode) {
    case TileMode::rows:
      // The whole row if it fits, else even parts in whole vectors.
      for (std::int64_t parts = ceil_div(width, kWidestTile);; ++parts) {
        cols = std::min(width, round_up(ceil_div(width, parts), lanes));
        if (cols <= least || fits(1, 1, cols)) break;
      }
      choose_rows();
      break;
    case TileMode::flat:
      cols = width;
      choose_rows();
      while (rows == height && images < problem.n && fits(images + 1, rows, cols) &&
             ceil_div(problem.n, images + 1) * problem.groups >= wanted_items)
        ++images;
      break;
    case TileMode::batch:
      images = lanes;
      while (images < problem.n && images < kWidestTile && (images < kLeastPixels || fits(2 * images, 1, 1)))
        images *= 2;
      images = std::min(images, std::max<std::int64_t>(problem.n, 1));
      break;
  }
  tiles_n = ceil_div(problem.n, images);
  tiles_h = ceil_div(height, rows);
  tiles_w = ceil_div(width, cols);
  // Too few tiles for the threads: share the output channels of a tile.
  const std::int64_t tiles = std::max<std::int64_t>(1, problem.groups * tiles_n * tiles_h * tiles_w);
  block_parts = std::clamp<std::int64_t>(threads == 1 ? 1 : ceil_div(wanted_items, tiles), 1, layout.blocks);
  blocks_per_item = ceil_div(layout.blocks, block_parts);

  const std::int64_t pitch = largest_window(w, cols);
  const std::int64_t pixels = pixels_of(images, rows, cols);
  vector_count = pixels / lanes;
  // A channel may be stepped apart from the next (ConvTile).
  const std::int64_t channel_floats =
      lanes + in_planes * largest_window(h, rows) * pitch *
                  (mode == TileMode::batch ? round_up(images, lanes) : images);
  const std::int64_t operands = problem.x_shape().numel() + problem.y_shape().numel() + layout.size;
  const std::int64_t largest_input = std::max(kLargestInput, operands / (2 * threads));
  slices = ceil_div(layout.ci, std::max<std::int64_t>(1, largest_input / channel_floats));
  slice = ceil_div(layout.ci, slices);
  slices = ceil_div(layout.ci, slice);
  sums_step = output_size(pixels);
  if (slices > 1) {
    const std::int64_t block_sums = h.phases() * sums_step;
    blocks_per_item = std::clamp<std::int64_t>(kLargestOutput / block_sums, 1, blocks_per_item);
  }
  block_parts = ceil_div(layout.blocks, blocks_per_item);

  input_floats = slice * channel_floats + 2 * lanes;  // the last vectors may read past their row
  output_floats = (slices > 1 ? blocks_per_item * h.phases() : 1) * sums_step + lanes;
  line_floats = std::max(w.phases() * round_up(cols, lanes), w.planes() * pitch) + 4 * lanes;
  tap_count = problem.kh * problem.kw;
  row_count = h.planes() * largest_window(h, rows);
  streams = problem.y_shape().numel() > kStreamedOutput;

  threads = static_cast<int>(std::clamp<std::int64_t>(items(), 1, threads));
  threads = affordable_threads(threads, scratch_bytes(), static_cast<std::size_t>(operands) * sizeof(float));
}

std::size_t ConvPlan::scratch_bytes() const {
  const std::int64_t floats = input_floats + output_floats + line_floats;
  const std::int64_t indices = 3 * tap_count + vector_count + row_count;
  const auto bytes = static_cast<std::size_t>(floats) * sizeof(float) +
                     static_cast<std::size_t>(indices) * sizeof(std::int64_t);
  return (bytes / Buffer::kAlignment + 6) * Buffer::kAlignment;  // each part starts a cache line
}

ConvTile::ConvTile(const ConvPlan& plan, std::int64_t item) : lanes(plan.lanes) {
  const ConvAxis &h = plan.layout.height, &w = plan.layout.width;
  const auto take = [&item](std::int64_t count) {
    const std::int64_t index = item % count;
    item /= count;
    return index;
  };
  block0 = take(plan.block_parts) * plan.blocks_per_item;
  block1 = std::min(block0 + plan.blocks_per_item, plan.layout.blocks);
  col0 = take(plan.tiles_w) * plan.cols;
  cols = std::min(plan.cols, w.pixels() - col0);
  row0 = take(plan.tiles_h) * plan.rows;
  rows = std::min(plan.rows, h.pixels() - row0);
  group = take(plan.problem.groups);
  n0 = take(plan.tiles_n) * plan.images;
  images = std::min(plan.images, plan.problem.n - n0);

  window_h = window(h, row0, row0 + rows);
  window_w = window(w, col0, col0 + cols);
  planes = h.planes() * w.planes();
  vectors_per_row = 0;
  col_step = plan.mode == TileMode::batch ? round_up(images, lanes) : 1;
  row_step = window_w.size() * col_step;
  const std::int64_t plane_size = window_h.size() * row_step;
  switch (plan.mode) {
    case TileMode::rows:  // of one image
      image_step = plane_step = plane_size;
      vectors_per_row = ceil_div(cols, lanes);
      vectors = rows * vectors_per_row;
      break;
    case TileMode::flat:
      image_step = plane_size;
      plane_step = images * image_step;
      vectors = ceil_div((images - 1) * image_step + (rows - 1) * row_step + cols, lanes);
      break;
    case TileMode::batch:
      image_step = 1;
      plane_step = plane_size;
      vectors = col_step / lanes;
      break;
  }
  channel_step = planes * plane_step;
  if (channel_step % 1024 == 0)
    channel_step += lanes;  // channels 4 KB apart would share one set of the cache
}

}  // namespace upconv::kernels::cpu
