#pragma once

#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/context.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/profiler.h>

namespace upconv::kernels {

/// Whether a kernel can compute a problem, and if not, why. The reason is static text, so a verdict never
/// allocates.
struct Verdict {
  bool supported = true;         ///< Whether it can.
  std::string_view reason = {};  ///< Why not; empty if it can.

  /// It can.
  static constexpr Verdict yes() { return {}; }
  /// It cannot, for this reason.
  static constexpr Verdict no(std::string_view reason) { return {false, reason}; }
};

/// One implementation of an operator. Tables of rows are ordered, fastest first; the plain row, which
/// supports everything, comes last.
template <class Problem, class Operands>
struct KernelRow {
  std::string_view name;  ///< "cpu.direct", "cuda.direct_tma.tf32.sm90"; a literal, so a zero byte follows.
  /// Whether it computes the problem on a device that can do this.
  Verdict (*supports)(const Problem& problem, const DeviceCaps& caps);
  /// Scratch bytes that launch takes from the context's workspace.
  std::size_t (*workspace_bytes)(const Problem& problem, const ExecutionContext& ctx);
  /// Runs on what the operator has validated and checked; it checks nothing itself.
  void (*launch)(const Problem& problem, const Operands& operands, ExecutionContext& ctx);
};

/// The row that the context's policy forces for `op`, or "" if it forces none.
/// Throws: ArgumentError if the policy names an operator that does not exist.
std::string_view forced_kernel(std::string_view op, const ExecutionContext& ctx);

/// What the kernels of this device were chosen to run with: "AVX3" (AVX-512), "AVX2", "SSE4", ... on a CPU;
/// "" elsewhere, where the device's capabilities say it.
std::string_view instruction_set(Device device);

/// First row that supports the problem, or the forced one. Pure: the same arguments give the same row.
/// Throws: as validate(problem); ArgumentError if the forced row is unknown or does not fit; DeviceError if
/// no row fits.
template <class Row, class Problem>
const Row& select(std::string_view op, std::span<const Row> rows, const Problem& problem,
                  const DeviceCaps& caps, std::string_view forced) {
  validate(problem);
  for (const Row& row : rows) {
    if (!forced.empty() && row.name != forced) continue;
    const Verdict verdict = row.supports(problem, caps);
    if (verdict.supported) return row;
    if (!forced.empty()) {
      throw ArgumentError(message(op, ": forced kernel '", forced, "' does not fit ", problem.to_string(),
                                  ": ", verdict.reason));
    }
  }
  if (!forced.empty()) {
    std::string known;
    for (const Row& row : rows)
      known += message(known.empty() ? "" : ", ", row.name);
    throw ArgumentError(message(op, ": there is no kernel '", forced, "'; there are: ", known));
  }
  throw DeviceError(message(op, ": no kernel on ", caps.name, " computes ", problem.to_string(),
                            ": run it on Device::cpu()"));
}

/// Tells the trace sink and launches the row, in a profiler's range of its name. The operands are checked.
/// Throws as the row's launch does; a CudaError names layer, kernel and problem.
template <class Row, class Problem, class Operands>
void run_row(const Row& row, std::string_view op, const Problem& problem, const Operands& operands,
             ModuleName layer, ExecutionContext& ctx) {
  ctx.check_usable();
  if (ctx.trace()) ctx.trace()({layer, problem.to_string(), row.name});
  ctx.check_process();
  const ProfilerRange range(row.name.data());
  try {
    row.launch(problem, operands, ctx);
  } catch (const CudaError& error) {
    throw CudaError(
        message(layer, ": kernel ", row.name, " on ", op, ' ', problem.to_string(), ": ", error.what()));
  }
}

/// Selects the row for the problem and launches it. Throws as select and launch do.
template <class Row, class Problem, class Operands>
void run(std::string_view op, std::span<const Row> rows, const Problem& problem, const Operands& operands,
         ModuleName layer, ExecutionContext& ctx) {
  ctx.check_usable();
  run_row(select(op, rows, problem, ctx.caps(), forced_kernel(op, ctx)), op, problem, operands, layer, ctx);
}

/// The table for this problem, a line a row: the one that runs, those that could, and why the others cannot.
/// Throws: as validate(problem).
template <class Row, class Problem>
std::string explain(std::string_view op, std::span<const Row> rows, const Problem& problem,
                    const ExecutionContext& ctx) {
  validate(problem);
  const std::string_view forced = forced_kernel(op, ctx);
  const std::string_view instructions = instruction_set(ctx.device());
  std::string text = message(op, ' ', problem.to_string(), " on ", ctx.device(),
                             instructions.empty() ? "" : ", ", instructions, '\n');
  bool taken = false;
  for (const Row& row : rows) {
    const Verdict verdict = row.supports(problem, ctx.caps());
    const bool runs = verdict.supported && !taken && (forced.empty() || forced == row.name);
    taken = taken || runs;
    std::string why(verdict.reason);
    if (runs) {
      why = message(forced.empty() ? "runs" : "runs, forced by name", ", ", row.workspace_bytes(problem, ctx),
                    " bytes of scratch");
    } else if (verdict.supported) {
      why = forced.empty() ? "fits, but an earlier row is faster" : "fits, but another row is forced";
    }
    text += message(runs ? "  > " : "    ", row.name,
                    std::string(row.name.size() < 28 ? 28 - row.name.size() : 1, ' '), why, '\n');
  }
  if (!taken) text += "    no row runs: forward would throw\n";
  return text;
}

}  // namespace upconv::kernels
