// Two loops, of which the second has a race: ThreadSanitizer must name it, and nothing of the first.
#include <cstdio>
#include <vector>

int main() {
  std::vector<int> numbers(1000);
  int total = 0;
#pragma omp parallel num_threads(4)
  {
#pragma omp for
    for (int i = 0; i < 1000; ++i)
      numbers[i] = i;
#pragma omp for reduction(+ : total)
    for (int i = 0; i < 1000; ++i)
      total += numbers[999 - i];
  }
#pragma omp parallel for num_threads(4)
  for (int i = 0; i < 1000; ++i)
    total += numbers[i];
  std::printf("%d\n", total);
}
