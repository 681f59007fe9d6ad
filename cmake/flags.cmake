# SPDX-License-Identifier: Apache-2.0
# Compiler and linker flags of every target: warnings, hardening, sanitizers.

option(HERONRY_FAILPOINTS "compile HERONRY_FAILPOINT in (test builds only)" OFF)
option(HERONRY_FUZZ "build the fuzz targets with libFuzzer (needs clang)" OFF)
set(HERONRY_SANITIZE "" CACHE STRING "list for -fsanitize=, empty for none")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_FLAGS_DEBUG "-Og -g")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(heronry_flags INTERFACE)
target_include_directories(heronry_flags INTERFACE ${CMAKE_SOURCE_DIR}/shared ${CMAKE_SOURCE_DIR})
target_compile_definitions(heronry_flags INTERFACE _GNU_SOURCE HERONRY_VERSION="${PROJECT_VERSION}")
target_compile_options(heronry_flags INTERFACE
  -include ${CMAKE_SOURCE_DIR}/shared/base/banned.h
  -Wall -Wextra -Wshadow -Wvla -Walloca -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wundef -Wpointer-arith -Wwrite-strings -Wcast-qual -Wconversion
  -Wswitch-enum -Wnull-dereference -Wframe-larger-than=4096 -Werror
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= # logs and debug data name places inside the project only
  -fstack-protector-strong -fno-common -fPIE -fno-strict-overflow -fno-delete-null-pointer-checks)

if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(heronry_flags INTERFACE
    -Wno-format-truncation # messages are cut on purpose: snprintf never writes past its buffer
    -Wno-unused-result     # gcc does not take (void) for an answer; clang-tidy's cert-err33-c does
    -Wimplicit-fallthrough=5 -Wduplicated-cond -Wduplicated-branches -Wlogical-op)
else()
  # clang warns about INVARIANT(!"reason") and about casts inside the macros of OpenSSL's headers; gcc looks after our own.
  # clang's -Wconversion implies -Wsign-conversion checks that gcc leaves out for C.
  target_compile_options(heronry_flags INTERFACE
    -Wimplicit-fallthrough -Wno-sign-conversion -Wno-implicit-int-float-conversion -Wno-cast-qual
    -Wno-string-conversion)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(heronry_flags INTERFACE
    -D_FORTIFY_SOURCE=2 -fstack-clash-protection -ftrivial-auto-var-init=zero)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
    target_compile_options(heronry_flags INTERFACE -fcf-protection)
  endif()
  target_link_options(heronry_flags INTERFACE -pie -Wl,-z,relro,-z,now)
else()
  target_link_options(heronry_flags INTERFACE -pie)
endif()

if(HERONRY_FAILPOINTS)
  target_compile_definitions(heronry_flags INTERFACE HERONRY_FAILPOINTS=1)
endif()

if(HERONRY_SANITIZE)
  # Sanitizers make frames bigger and confuse the null-dereference analysis; the plain builds check both.
  target_compile_options(heronry_flags INTERFACE
    -fsanitize=${HERONRY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    -Wno-frame-larger-than -Wno-null-dereference)
  target_link_options(heronry_flags INTERFACE -fsanitize=${HERONRY_SANITIZE})
endif()
if(HERONRY_FUZZ)
  target_compile_options(heronry_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
