# README's quick start is what examples/quick_start holds, and `program`, which is compiled from README, runs there as
# README says; without its weights it ends with a sentence.
include(${CMAKE_CURRENT_LIST_DIR}/extract.cmake)

set(folder ${source}/examples/quick_start)
foreach(pair IN ITEMS "cpp main.cpp" "cmake CMakeLists.txt" "python export_weights.py")
  separate_arguments(pair)
  list(GET pair 0 language)
  list(GET pair 1 name)
  extract_code(${source}/README.md ${language} 1 wanted)
  file(READ ${folder}/${name} found)
  if(NOT found STREQUAL wanted)
    message(FATAL_ERROR "examples/quick_start/${name} differs from README's first ${language} block")
  endif()
endforeach()

execute_process(COMMAND ${program} WORKING_DIRECTORY ${folder}
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE error)
if(NOT status EQUAL 0 OR NOT output MATCHES "^\\[1,1,128,128\\], in the middle -0\\.2588[0-9]*\n$")
  message(FATAL_ERROR "with its weights it gave ${status}: ${output}${error}")
endif()

file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})
execute_process(COMMAND ${program} WORKING_DIRECTORY ${work}
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE error)
if(NOT status EQUAL 1 OR NOT error MATCHES "cannot read 'weights.h5': there is no such file")
  message(FATAL_ERROR "without weights it gave ${status}: ${output}${error}")
endif()
