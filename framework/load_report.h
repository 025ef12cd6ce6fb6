#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <upconv/framework/language.h>

namespace upconv {

/// Options of Module::load and load_hdf5.
struct LoadOptions {
  /// As PyTorch's `strict`: missing and unexpected names are errors. Without it they are only reported; an
  /// entry of the wrong shape or type is an error either way.
  bool strict = true;
  bool require_finite = false;  ///< Refuse weights that hold NaN or infinity.
  /// Let finite values beyond the range of the parameter's type become infinite, as PyTorch does, instead of
  /// refusing them.
  bool allow_overflow = false;
};

/// The outcome of comparing a weight file with a module: every difference, not just the first.
struct LoadReport {
  std::string source;  ///< File, if known.
  /// What explains many findings at once: a prefix, swapped dimensions, weights that are not folded.
  std::vector<std::string> hints;
  std::vector<std::string> missing;       ///< Names that the module wants and the file lacks.
  std::vector<std::string> unexpected;    ///< Names in the file that the module does not know.
  std::vector<std::string> mismatched;    ///< Wrong shape, type or value; full sentences.
  std::vector<std::string> notes;         ///< Harmless: narrowed types, stripped prefixes.
  std::vector<std::string> kept_initial;  ///< After a load: those of `missing` that no load ever set.
  std::size_t matched = 0;                ///< Number of names that both have.
  bool hints_tell_names =
      false;  ///< The hints explain all of `missing`: the text of a refusal leaves it out.

  /// True if something keeps the weights from being loaded.
  bool has_errors(bool strict) const;
  /// The whole report as text, one finding a line, hints first, each missing name with the nearest one
  /// offered; empty if there is nothing to tell.
  std::string to_string() const;
};

}  // namespace upconv
