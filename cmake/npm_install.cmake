# SPDX-License-Identifier: Apache-2.0
# Installs the packages of the apps, unless they are there and as old as what names them: every build folder asks for
# them, and `npm ci` would take them away from under those who are using them.
#
#   cmake -D FOLDER=<source> -D NODE=<tools/node> -D NPM=<npm> -P cmake/npm_install.cmake
set(installed ${FOLDER}/node_modules/.package-lock.json)
file(MAKE_DIRECTORY ${FOLDER}/build)
file(LOCK ${FOLDER}/build/npm_install.lock GUARD PROCESS)
if(EXISTS ${installed} AND NOT ${FOLDER}/package-lock.json IS_NEWER_THAN ${installed}
    AND NOT ${FOLDER}/package.json IS_NEWER_THAN ${installed})
  return()
endif()
execute_process(COMMAND ${NODE} ${NPM} ci --no-audit --no-fund --loglevel=error
  WORKING_DIRECTORY ${FOLDER} RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "npm ci failed")
endif()
file(TOUCH ${installed})
