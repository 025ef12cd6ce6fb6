#include <algorithm>
#include <cmath>

#include <upconv/framework/memory.h>
#include <upconv/kernels/cpu/resize_table.h>

namespace upconv::kernels::cpu {

namespace {

constexpr std::int64_t kMostLanes = 64;  // floats of the widest vector, and more

/// Where pixel o lies in x, before it is kept inside. One rounding, as of a fused multiply and add: a product
/// of floats is exact in double.
float position(const ResizeAxis& axis, std::int64_t o, bool align_corners) {
  if (align_corners) return axis.step * static_cast<float>(o);
  const double place = static_cast<double>(axis.step) * static_cast<double>(static_cast<float>(o) + 0.5f);
  return static_cast<float>(place - 0.5);
}

std::int64_t floor_of(float value) {  // of one above -1
  return value < 0.0f ? -1 : static_cast<std::int64_t>(value);
}

/// Fills the taps of one pixel.
class Writer {
 public:
  Writer(const ResizeTable& table, std::int64_t o) : table_(table), o_(o) {}
  void set(std::int64_t k, std::int64_t index, float weight) const {
    table_.index[k * table_.pitch + o_] = static_cast<std::int32_t>(index);
    if (table_.weight != nullptr) table_.weight[k * table_.pitch + o_] = weight;
  }
  float& weight(std::int64_t k) const { return table_.weight[k * table_.pitch + o_]; }

 private:
  const ResizeTable& table_;
  std::int64_t o_;
};

void nearest(const ResizeAxis& axis, bool exact, std::int64_t o, const Writer& writer) {
  // Half a pixel is taken and given back, and rounds each time: so does PyTorch.
  const float place =
      exact ? std::max(position(axis, o, false), 0.0f) + 0.5f : axis.step * static_cast<float>(o);
  writer.set(0, std::min(floor_of(place), axis.in - 1), 1.0f);
}

void bilinear(const ResizeAxis& axis, bool align_corners, std::int64_t o, const Writer& writer) {
  if (axis.in == axis.out) {  // whatever the scale that led to this size
    writer.set(0, o, 1.0f);
    writer.set(1, o, 0.0f);
    return;
  }
  const float place = std::max(position(axis, o, align_corners), 0.0f);
  const std::int64_t first = std::min(floor_of(place), axis.in - 1);
  const float weight = std::clamp(place - static_cast<float>(first), 0.0f, 1.0f);
  writer.set(0, first, 1.0f - weight);
  writer.set(1, std::min(first + 1, axis.in - 1), weight);
}

/// Keys' cubic: a piece for distances up to 1, another up to 2.
float near_cubic(float x, float a) {
  return ((a + 2) * x - (a + 3)) * x * x + 1;
}
float far_cubic(float x, float a) {
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

void bicubic(const ResizeAxis& axis, bool align_corners, std::int64_t o, const Writer& writer) {
  constexpr float kA = -0.75f;
  const float place = position(axis, o, align_corners);
  const std::int64_t second = std::min(floor_of(place), axis.in - 1);
  const float t = std::clamp(place - static_cast<float>(second), 0.0f, 1.0f);
  const float weights[4] = {far_cubic(t + 1.0f, kA), near_cubic(t, kA), near_cubic(1.0f - t, kA),
                            far_cubic(2.0f - t, kA)};
  for (std::int64_t k = 0; k < 4; ++k)
    writer.set(k, std::clamp<std::int64_t>(second + k - 1, 0, axis.in - 1), weights[k]);
}

float antialias_filter(ResizeKind kind, float x) {
  x = std::abs(x);
  if (kind == ResizeKind::bilinear) return x < 1.0f ? 1.0f - x : 0.0f;
  constexpr float kA = -0.5f;
  return x < 1.0f ? near_cubic(x, kA) : x < 2.0f ? far_cubic(x, kA) : 0.0f;
}

void antialiased(const ResizeAxis& axis, ResizeKind kind, std::int64_t taps, std::int64_t o,
                 const Writer& writer) {
  const float support = antialias_support(kind, axis.step);
  const float inverse = axis.step >= 1.0f ? 1.0f / axis.step : 1.0f;
  const auto center = static_cast<float>(static_cast<double>(axis.step) * (static_cast<double>(o) + 0.5));
  const auto first =
      std::max<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(center - support) + 0.5), 0);
  const auto end =
      std::min<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(center + support) + 0.5), axis.in);
  const std::int64_t size = std::clamp<std::int64_t>(end - first, 0, taps);
  float sum = 0.0f;
  for (std::int64_t k = 0; k < size; ++k) {
    const auto distance =
        static_cast<float>(static_cast<double>(static_cast<float>(k + first) - center) + 0.5) * inverse;
    const float weight = antialias_filter(kind, distance);
    writer.set(k, first + k, weight);
    sum += weight;
  }
  for (std::int64_t k = 0; k < size && sum != 0.0f; ++k)
    writer.weight(k) /= sum;
  for (std::int64_t k = size; k < taps; ++k)
    writer.set(k, axis.in, 0.0f);
}

/// True if the pixels 2 * i and 2 * i + 1 have the taps of those at `model`, as far from i.
bool same_taps(const ResizeTable& table, std::int64_t i, std::int64_t model) {
  for (std::int64_t k = 0; k < table.taps; ++k) {
    const std::int32_t* index = table.index + k * table.pitch;
    const float* weight = table.weight == nullptr ? nullptr : table.weight + k * table.pitch;
    for (std::int64_t phase = 0; phase < 2; ++phase) {
      const std::int64_t here = 2 * i + phase, there = 2 * model + phase;
      if (index[here] - i != index[there] - model || index[here] >= table.in) return false;
      if (weight != nullptr && weight[here] != weight[there]) return false;
    }
  }
  return true;
}

void find_doubled(ResizeTable& table) {
  if (table.out != 2 * table.in || table.taps > 4) return;
  const std::int64_t model = table.in / 2;
  if (!same_taps(table, model, model)) return;
  std::int64_t begin = model, end = model;
  while (begin > 0 && same_taps(table, begin - 1, model))
    --begin;
  while (end < table.in && same_taps(table, end, model))
    ++end;
  table.doubled = {begin, end};
}

}  // namespace

std::int64_t resize_table_pitch(std::int64_t out) {
  return (out + 2 * kMostLanes - 1) / kMostLanes * kMostLanes;
}

std::size_t resize_table_bytes(const ResizeProblem& p, const ResizeAxis& axis) {
  const auto entries = static_cast<std::size_t>(resize_taps(p, axis) * resize_table_pitch(axis.out));
  const std::size_t bytes = entries * (sizeof(std::int32_t) + sizeof(float));
  return (bytes + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
}

ResizeTable make_resize_table(const ResizeProblem& p, const ResizeAxis& axis, std::byte* memory) {
  ResizeTable table{
      .in = axis.in, .out = axis.out, .taps = resize_taps(p, axis), .pitch = resize_table_pitch(axis.out)};
  table.index = reinterpret_cast<std::int32_t*>(memory);
  if (p.kind == ResizeKind::bilinear || p.kind == ResizeKind::bicubic)
    table.weight = reinterpret_cast<float*>(table.index + table.taps * table.pitch);
  for (std::int64_t o = 0; o < axis.out; ++o) {
    const Writer writer(table, o);
    if (p.antialias) {
      antialiased(axis, p.kind, table.taps, o, writer);
      continue;
    }
    switch (p.kind) {
      case ResizeKind::nearest:
      case ResizeKind::nearest_exact:
        nearest(axis, p.kind == ResizeKind::nearest_exact, o, writer);
        break;
      case ResizeKind::bilinear:
        bilinear(axis, p.align_corners, o, writer);
        break;
      case ResizeKind::bicubic:
        bicubic(axis, p.align_corners, o, writer);
        break;
    }
  }
  for (std::int64_t o = axis.out; o < table.pitch; ++o) {
    for (std::int64_t k = 0; k < table.taps; ++k)
      Writer(table, o).set(k, axis.in, 0.0f);
  }
  find_doubled(table);
  return table;
}

}  // namespace upconv::kernels::cpu
