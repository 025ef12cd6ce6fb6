#include <upconv/upconv.h>

int main() {
  const upconv::Tensor x = upconv::Tensor::zeros({1});
  upconv::Tensor y = x;
}
