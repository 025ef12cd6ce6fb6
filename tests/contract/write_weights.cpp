// Writes the weights.h5 that README's program loads: the entries of its network.
#include <upconv/upconv.h>

int main() {
  upconv::StateDict weights;
  weights.insert("0.weight", upconv::Tensor::full({56, 1, 5, 5}, 0.04));
  weights.insert("0.bias", upconv::Tensor::full({56}, 0.5));
  weights.insert("1.weight", upconv::Tensor::full({56}, 0.25));
  weights.insert("head.weight", upconv::Tensor::full({56, 1, 9, 9}, 0.01));
  weights.insert("head.bias", upconv::Tensor::full({1}, -0.125));
  upconv::write_hdf5("weights.h5", weights);
}
