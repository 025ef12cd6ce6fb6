#include <upconv/upconv.h>

int main() {
  upconv::Sequential net;
  upconv::ReLU relu;
  net.append("relu", relu);
}
