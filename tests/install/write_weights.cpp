// Writes the weights.h5 that README's quick start reads.
#include <upconv/upconv.h>

int main() {
  upconv::StateDict weights;
  weights.insert("0.weight", upconv::Tensor::zeros({56, 1, 5, 5}, upconv::DType::f32));
  weights.insert("0.bias", upconv::Tensor::zeros({56}, upconv::DType::f32));
  weights.insert("1.weight", upconv::Tensor::full({56}, 0.25));
  weights.insert("head.weight", upconv::Tensor::zeros({56, 1, 9, 9}, upconv::DType::f32));
  weights.insert("head.bias", upconv::Tensor::full({1}, 0.5));
  upconv::write_hdf5("weights.h5", weights);
}
