# SPDX-License-Identifier: Apache-2.0
# The target `web`: the apps for browsers, built by npm and Vite into <build>/web/{webmail,admin}, each
# file with its .gz and .br. Not part of `all`: the C side builds and tests without node.

find_program(NPM npm)
find_program(NODE node)

function(heronry_web)
  if(NOT NPM OR NOT NODE)
    add_custom_target(web COMMAND ${CMAKE_COMMAND} -E echo
      "web: left out, node and npm are missing (Debian: apt install nodejs npm, or tools/setup)")
    return()
  endif()
  set(out ${CMAKE_BINARY_DIR}/web)
  set(installed ${CMAKE_SOURCE_DIR}/node_modules/.package-lock.json)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/services/web-kit/* ${CMAKE_SOURCE_DIR}/services/webmail/* ${CMAKE_SOURCE_DIR}/services/admin/*)
  list(FILTER sources EXCLUDE REGEX "/(node_modules|dist|test)/")
  add_custom_command(OUTPUT ${installed}
    COMMAND ${CMAKE_COMMAND} -D FOLDER=${CMAKE_SOURCE_DIR} -D NODE=${CMAKE_SOURCE_DIR}/tools/node -D NPM=${NPM}
      -P ${CMAKE_SOURCE_DIR}/cmake/npm_install.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/package-lock.json ${CMAKE_SOURCE_DIR}/package.json
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} COMMENT "Installing the packages of the apps" VERBATIM)
  add_custom_command(OUTPUT ${out}/stamp
    COMMAND ${CMAKE_COMMAND} -E env HERONRY_WEB_OUT=${out} ${CMAKE_SOURCE_DIR}/tools/node ${NPM} run build --loglevel=error
    COMMAND ${CMAKE_COMMAND} -E touch ${out}/stamp
    DEPENDS ${installed} ${sources}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} COMMENT "Building the apps" VERBATIM)
  add_custom_target(web DEPENDS ${out}/stamp)
endfunction()
