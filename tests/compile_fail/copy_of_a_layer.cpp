#include <upconv/upconv.h>

int main() {
  const upconv::Linear layer({.in_features = 1, .out_features = 1});
  upconv::Linear copy = layer;
}
