#include <upconv/upconv.h>

int main() {}
