#include <sstream>

#include <gtest/gtest.h>

#include <upconv/framework/version.h>

namespace {

using upconv::kVersion;
using upconv::Version;

static_assert(kVersion >= Version{0, 1, 0}, "a program can check the version while it compiles");
static_assert(Version{0, 2, 0} < Version{0, 10, 0} && Version{0, 10, 0} < Version{1, 0, 0});

TEST(Version, TheLibrarySaysWhatTheHeadersSay) {
  std::ostringstream headers;
  headers << kVersion.major << '.' << kVersion.minor << '.' << kVersion.patch;
  EXPECT_EQ(upconv::version(), headers.str());
}

}  // namespace
