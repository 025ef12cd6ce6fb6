#include <upconv/framework/load_compare.h>
#include <upconv/framework/load_hints.h>
#include <upconv/framework/message.h>

namespace upconv {

namespace {

bool type_fits(const WantedEntry& wanted, DType offered) {
  return wanted.counter || is_floating(offered) == is_floating(wanted.spec.dtype);
}

/// True if some value of `from` has no equal in `to`, of the floating-point types.
bool narrows(DType from, DType to) {
  const bool widens = to == DType::f64 || (to == DType::f32 && from != DType::f64);
  return from != to && !widens;
}

}  // namespace

bool fits(const WantedEntry& wanted, const EntrySpec& offered) {
  const bool shape = wanted.counter ? offered.shape.numel() == 1 : offered.shape == wanted.spec.shape;
  return shape && type_fits(wanted, offered.dtype);
}

LoadReport compare_entries(const std::vector<WantedEntry>& wanted, const std::vector<EntrySpec>& offered) {
  EntriesByName by_name;
  for (const EntrySpec& entry : offered)
    by_name.emplace(entry.name, &entry);

  LoadReport report;
  SwappedDimensions swapped;
  EntriesByName left_over = by_name;
  for (const WantedEntry& each : wanted) {
    const EntrySpec& spec = each.spec;
    const auto found = by_name.find(spec.name);
    if (found == by_name.end()) {
      if (!each.counter) report.missing.push_back(spec.name);
      continue;
    }
    const EntrySpec& entry = *found->second;
    left_over.erase(spec.name);
    if (!each.counter) ++report.matched;
    if (!type_fits(each, entry.dtype)) {
      report.mismatched.push_back(message(spec.name, " expected ",
                                          is_floating(spec.dtype) ? "floating-point" : "integer",
                                          " values, got ", entry.dtype));
    } else if (!fits(each, entry)) {
      report.mismatched.push_back(message(spec.name, " expected ", spec.shape, ", got ", entry.shape,
                                          swapped.add(spec.name, spec.shape, entry.shape)));
    } else if (!each.counter && narrows(entry.dtype, spec.dtype)) {
      report.notes.push_back(message(spec.name, " narrowed from ", entry.dtype, " to ", spec.dtype));
    }
  }
  for (const EntrySpec& entry : offered) {
    if (left_over.contains(entry.name)) report.unexpected.push_back(entry.name);
  }

  report.hints = swapped.hints();
  if (const std::string hint = prefix_hint(wanted, offered, by_name); !hint.empty()) {
    report.hints.push_back(hint);
    report.hints_tell_names = true;
  }
  for (std::string& hint : unfolded_hints(report.missing, by_name))
    report.hints.push_back(std::move(hint));
  return report;
}

}  // namespace upconv
