#include <upconv/upconv.h>

int main() {
  const upconv::StateDict weights;
  upconv::StateDict copy = weights;
}
