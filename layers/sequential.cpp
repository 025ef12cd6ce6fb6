#include <algorithm>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/sequential.h>

namespace upconv {

Module& Sequential::operator[](std::size_t index) const {
  if (index >= size())
    throw ArgumentError(message(display_name(), " has ", size(), " children, there is no ", index));
  return *children()[index].second;
}

Module& Sequential::operator[](std::string_view name) const {
  const auto found =
      std::ranges::find(children(), name, [](const auto& child) { return std::string_view(child.first); });
  if (found == children().end()) throw ArgumentError(message(display_name(), " has no child '", name, '\''));
  return *found->second;
}

Value Sequential::forward(Value x) const {
  for (const auto& [name, child] : children())
    x = (*child)(x, SourceLocation{});  // the child's name says where
  return x;
}

}  // namespace upconv
