# SPDX-License-Identifier: Apache-2.0
# heronry_embed: a file of bytes as a C array of a module, `const uint8_t SYMBOL[]` with
# `const size_t SYMBOL_size`; its header is written by hand. Also the script that does it.

cmake_minimum_required(VERSION 3.25)

function(heronry_embed TARGET PATH SYMBOL)
  set(out ${CMAKE_BINARY_DIR}/generated/${SYMBOL}.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -D OUT=${out} -D IN=${CMAKE_SOURCE_DIR}/${PATH} -D SYMBOL=${SYMBOL}
      -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/${PATH} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "Embedding ${PATH}" VERBATIM)
  target_sources(${TARGET} PRIVATE ${out})
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${IN} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  file(WRITE ${OUT}.new "/* Made by cmake/embed.cmake. */\n#include <stddef.h>\n#include <stdint.h>\n"
    "extern const uint8_t ${SYMBOL}[];\nextern const size_t ${SYMBOL}_size;\n"
    "const uint8_t ${SYMBOL}[] = { ${bytes} };\nconst size_t ${SYMBOL}_size = sizeof(${SYMBOL});\n")
  file(RENAME ${OUT}.new ${OUT})
endif()
