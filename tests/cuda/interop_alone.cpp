// A program that brings CUDA's headers along needs nothing else before this one.
#include <upconv/framework/cuda_interop.h>
