#include <bit>
#include <cstring>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/wire.h>

namespace upconv::hdf5::wire {

namespace {

[[noreturn]] void garbled() {
  throw LoadError(
      "the program that reads it in isolation sent an answer that makes no sense: the file made it "
      "fail, or it is of another upconv");
}

void write(Writer& out, const Hdf5Entry& entry) {
  out.text(entry.name);
  out.text(entry.path);
  out.number(static_cast<std::uint64_t>(entry.shape.rank()));
  for (const std::int64_t size : entry.shape)
    out.number(static_cast<std::uint64_t>(size));
  out.number(entry.dtype ? static_cast<std::uint64_t>(*entry.dtype) + 1 : 0);
  out.text(entry.stored_type);
  out.text(entry.layout);
  out.number(entry.stored_bytes);
  out.number(entry.chunk.size());
  for (const std::uint64_t size : entry.chunk)
    out.number(size);
  out.texts(entry.filters);
  out.text(entry.tied_to);
  out.text(entry.problem);
}

Shape read_shape(Reader& in) {
  const std::uint64_t rank = in.number();
  if (rank > Shape::kMaxRank) garbled();
  std::vector<std::int64_t> sizes;
  for (std::uint64_t i = 0; i < rank; ++i)
    sizes.push_back(static_cast<std::int64_t>(in.number()));
  try {
    return Shape(std::span<const std::int64_t>(sizes));
  } catch (const ShapeError&) {
    garbled();
  }
}

std::optional<DType> read_dtype(Reader& in) {
  const std::uint64_t value = in.number();
  if (value == 0) return std::nullopt;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i64}) {
    if (value == static_cast<std::uint64_t>(dtype) + 1) return dtype;
  }
  garbled();
}

Hdf5Entry read_entry(Reader& in) {
  Hdf5Entry entry;
  entry.name = in.text();
  entry.path = in.text();
  entry.shape = read_shape(in);
  entry.dtype = read_dtype(in);
  entry.stored_type = in.text();
  entry.layout = in.text();
  entry.stored_bytes = in.number();
  const std::uint64_t chunk_rank = in.number();
  if (chunk_rank > Shape::kMaxRank) garbled();
  for (std::uint64_t i = 0; i < chunk_rank; ++i)
    entry.chunk.push_back(in.number());
  entry.filters = in.texts();
  entry.tied_to = in.text();
  entry.problem = in.text();
  if (entry.problem.empty() && (!entry.dtype || entry.name.empty())) garbled();
  return entry;
}

}  // namespace

void Writer::number(std::uint64_t value) {
  const std::size_t end = bytes_.size();
  bytes_.resize(end + sizeof(value));
  std::memcpy(bytes_.data() + end, &value, sizeof(value));
}

void Writer::text(std::string_view value) {
  number(value.size());
  const auto bytes = std::as_bytes(std::span(value));
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void Writer::texts(const std::vector<std::string>& values) {
  number(values.size());
  for (const std::string& value : values)
    text(value);
}

std::span<const std::byte> Reader::take(std::uint64_t count) {
  if (count > bytes_.size()) garbled();
  const auto taken = bytes_.first(static_cast<std::size_t>(count));
  bytes_ = bytes_.subspan(static_cast<std::size_t>(count));
  return taken;
}

std::uint64_t Reader::number() {
  std::uint64_t value = 0;
  std::memcpy(&value, take(sizeof(value)).data(), sizeof(value));
  return value;
}

std::string Reader::text() {
  const auto bytes = take(number());
  std::string value(bytes.size(), '\0');
  if (!bytes.empty()) std::memcpy(value.data(), bytes.data(), bytes.size());
  return value;
}

std::vector<std::string> Reader::texts() {
  std::vector<std::string> values;
  for (std::uint64_t left = number(); left > 0; --left)
    values.push_back(text());
  return values;
}

void write(Writer& out, const Order& order) {
  const Hdf5ReadOptions& options = order.options;
  out.text(kGreeting);
  out.text(order.path.native());
  out.text(options.root_group);
  out.text(options.prefix);
  out.number(options.file_locking);
  out.number(std::bit_cast<std::uint64_t>(options.isolation.seconds));
  out.number(options.isolation.memory_bytes);
  out.number(options.max_tensor_bytes);
  out.number(options.max_entries);
  out.number(options.max_chunks);
  out.number(static_cast<std::uint64_t>(options.max_depth));
  out.number(options.max_name_bytes);
}

Order read_order(Reader& in) {
  if (in.text() != kGreeting) garbled();
  Order order;
  order.path = in.text();
  Hdf5ReadOptions& options = order.options;
  options.root_group = in.text();
  options.prefix = in.text();
  options.file_locking = in.number() != 0;
  options.isolation.seconds = std::bit_cast<double>(in.number());
  options.isolation.memory_bytes = in.number();
  options.max_tensor_bytes = in.number();
  options.max_entries = in.number();
  options.max_chunks = in.number();
  options.max_depth = static_cast<int>(in.number());
  options.max_name_bytes = in.number();
  return order;
}

void write(Writer& out, const Contents& contents) {
  out.text(kGreeting);
  out.number(contents.entries.size());
  for (const Found& found : contents.entries)
    write(out, found.entry);
  out.texts(contents.groups);
  out.texts(contents.notes);
}

Contents read_contents(Reader& in) {
  if (in.text() != kGreeting) garbled();
  Contents contents;
  for (std::uint64_t left = in.number(); left > 0; --left)
    contents.entries.push_back({read_entry(in), std::nullopt});
  contents.groups = in.texts();
  contents.notes = in.texts();
  if (!in.at_end()) garbled();
  return contents;
}

}  // namespace upconv::hdf5::wire
