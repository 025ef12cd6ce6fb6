#pragma once

#include <upconv/framework/context.h>
#include <upconv/framework/device.h>
#include <upconv/framework/dtype.h>
#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/framework/module.h>
#include <upconv/framework/shape.h>
#include <upconv/framework/state_dict.h>
#include <upconv/framework/tensor.h>
#include <upconv/framework/version.h>
#include <upconv/layers/activation.h>
#include <upconv/layers/batch_norm2d.h>
#include <upconv/layers/conv2d.h>
#include <upconv/layers/conv_transpose2d.h>
#include <upconv/layers/linear.h>
#include <upconv/layers/sequential.h>
