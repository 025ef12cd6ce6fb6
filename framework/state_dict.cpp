#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/state_dict.h>

namespace upconv {

void StateDict::insert(std::string name, Tensor tensor) {
  if (name.empty()) throw ArgumentError("a state dict entry needs a name");
  if (!tensor.defined())
    throw ArgumentError(message("state dict entry ", quoted(name), " is not a tensor (undefined)"));
  if (!index_.emplace(name, entries_.size()).second) {
    throw ArgumentError(message("state dict already has an entry '", printable(name), '\''));
  }
  entries_.emplace_back(std::move(name), std::move(tensor));
}

const Tensor* StateDict::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

const Tensor& StateDict::at(std::string_view name) const {
  if (const Tensor* tensor = find(name)) return *tensor;
  std::vector<std::string> names;
  for (const Entry& entry : entries_)
    names.push_back(entry.first);
  const std::string nearest = nearest_name(name, names);
  throw ArgumentError(
      message("state dict has no entry '", printable(name), '\'',
              nearest.empty() ? "" : message("; the nearest is '", printable(nearest), '\'')));
}

}  // namespace upconv
