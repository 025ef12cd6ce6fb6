#pragma once

#include <string>

#include <upconv/framework/module.h>
#include <upconv/kernels/convolution.h>

namespace upconv {

using kernels::PaddingMode;

/// What Conv2d and ConvTranspose2d share: weight and bias, packing, shapes, and running the convolution
/// operator.
class ConvolutionLayer : public Module {
 public:
  /// Input [N,Ci,IH,IW], or unbatched [Ci,IH,IW]. Throws: ShapeError, DTypeError, in PyTorch's words.
  TensorSpec output_spec(const TensorSpec& x) const override;
  std::string explain(const TensorSpec& x, const ExecutionContext& ctx) const override;
  std::string extra_repr() const override;

  /// As forward_into, with an elementwise function applied to y on the way out; costs no extra pass over
  /// memory. Throws: as forward_into, and as kernels::check_epilogue for `activation`.
  void forward_activated_into(ConstTensorView x, const kernels::Activation& activation, TensorView y,
                              ExecutionContext& ctx) const;

 protected:
  /// `layer` gives everything but the image and the type. Throws: ArgumentError if such a layer cannot exist.
  ConvolutionLayer(std::string type_name, const kernels::ConvProblem& layer, bool bias);

  /// The layer on an input of x's size. Throws: ShapeError, DTypeError if x is not an image with the layer's
  /// channels and type; whether the sizes work is for `check` to say.
  kernels::ConvProblem problem_for(const TensorSpec& x) const;
  /// Throws: ShapeError unless the problem can be computed.
  void check(const kernels::ConvProblem& problem) const;
  /// The output of `problem`, batched or not as `x` is.
  static TensorSpec spec_of(const kernels::ConvProblem& problem, const TensorSpec& x);
  /// Runs a checked problem on checked operands; the layer adds its bias to the epilogue.
  void run(kernels::ConvProblem problem, ConstTensorView x, kernels::Epilogue epilogue, TensorView y,
           ExecutionContext& ctx) const;

 private:
  friend class ConvolutionOperation;

  void do_initialize(ParameterId id, std::span<float> values, RandomStream& random) const override;
  std::unique_ptr<const Prepared> prepare_for(ExecutionContext& ctx) const override;
  void do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const override {
    run(problem_for(x.spec()), x, {}, y, ctx);
  }
  std::shared_ptr<const Operation> operation() const override;
  /// Row of the kernel table that would run for this problem of the layer with such an epilogue.
  const kernels::ConvRow& row(kernels::ConvProblem problem, const kernels::EpilogueForm& epilogue,
                              const ExecutionContext& ctx) const;
  /// Whether `row` can compute the layer with this epilogue.
  kernels::Verdict takes(const kernels::ConvRow& row, kernels::ConvProblem problem,
                         const kernels::EpilogueForm& epilogue, const ExecutionContext& ctx) const;
  /// The problem for contexts like this one: in its precision, and with what `prepare` found out about the
  /// weight.
  kernels::ConvProblem for_context(kernels::ConvProblem problem, const ExecutionContext& ctx) const;

  kernels::ConvProblem layer_;
  bool has_bias_;
  ParameterId weight_ = 0;
  ParameterId bias_ = 0;
};

}  // namespace upconv
