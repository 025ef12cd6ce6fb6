#pragma once

#include <stdexcept>

#include <upconv/framework/language.h>

namespace upconv {

/// Base of every exception that upconv throws on purpose; catch it to catch them all.
/// The text says what was expected, what was found, and what to change.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An option or argument has a value that can never work (`groups` that do not divide, an unknown kernel
/// name).
class ArgumentError : public Error {
 public:
  using Error::Error;
};

/// A tensor's shape does not fit the operation.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// A tensor's element type does not fit the operation.
class DTypeError : public Error {
 public:
  using Error::Error;
};

/// A tensor, module and context live on different devices, or the device is not there.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// Calls came in the wrong order, such as `forward` before `prepare`.
class StateError : public Error {
 public:
  using Error::Error;
};

/// A weight file cannot be read or written, or its entries do not fit the module. The module is left as it
/// was.
class LoadError : public Error {
 public:
  using Error::Error;
};

/// A CUDA call failed; the text names the call, the place and the driver's own words.
class CudaError : public Error {
 public:
  using Error::Error;
};

}  // namespace upconv
