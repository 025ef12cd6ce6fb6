# A program that uses Highway itself has this target already when it comes to upconv.
find_library(highway_LIBRARY NAMES hwy REQUIRED)
add_library(hwy::hwy UNKNOWN IMPORTED)
set_target_properties(hwy::hwy PROPERTIES IMPORTED_LOCATION ${highway_LIBRARY})
