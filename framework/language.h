#pragma once

// Included by every header that includes no other of upconv's, so that this is the first error.
static_assert(__cplusplus >= 202002L, "upconv needs C++20: compile with -std=c++20");
