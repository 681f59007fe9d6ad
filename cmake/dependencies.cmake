# SPDX-License-Identifier: Apache-2.0
# Libraries from outside. Headers come in as system headers, so our warnings do not judge them.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(ARGON2 REQUIRED IMPORTED_TARGET libargon2)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(LIBXML REQUIRED IMPORTED_TARGET libxml-2.0)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
find_library(UNISTRING_LIBRARY unistring REQUIRED)
add_library(PkgConfig::UNISTRING INTERFACE IMPORTED)
target_link_libraries(PkgConfig::UNISTRING INTERFACE ${UNISTRING_LIBRARY})

# Not by pkg-config: libunbound.pc asks for libevent's headers, which are not needed to use it.
find_library(UNBOUND_LIBRARY unbound REQUIRED)
add_library(heronry_unbound INTERFACE)
target_link_libraries(heronry_unbound INTERFACE ${UNBOUND_LIBRARY})

# Messages that change zones (RFC 2136) and their signatures; the conversation is our own.
find_library(LDNS_LIBRARY ldns REQUIRED)
add_library(heronry_ldns INTERFACE)
target_link_libraries(heronry_ldns INTERFACE ${LDNS_LIBRARY})

# libev exports names of libevent's interface with another layout. Found before libevent it crashes
# libunbound, so it is linked statically and its names are kept out of the dynamic symbol table.
find_library(EV_ARCHIVE NAMES libev.a REQUIRED)
add_library(heronry_libev INTERFACE)
target_link_libraries(heronry_libev INTERFACE ${EV_ARCHIVE} m)
target_link_options(heronry_libev INTERFACE -Wl,--exclude-libs,libev.a)

# Three plain C symbols of boost.context switch the fibers; nothing else of boost is used.
find_library(FCONTEXT_ARCHIVE NAMES libboost_context.a REQUIRED)
add_library(heronry_fcontext INTERFACE)
target_link_libraries(heronry_fcontext INTERFACE ${FCONTEXT_ARCHIVE})

# The variant of libh2o with an event loop of its own; it comes as a shared library only.
pkg_check_modules(H2O REQUIRED IMPORTED_TARGET libh2o-evloop)
add_library(heronry_h2o INTERFACE)
target_link_libraries(heronry_h2o INTERFACE PkgConfig::H2O Threads::Threads)

# libgumbo keeps its assertions, and mail may reach one: the copy that is linked calls a function of
# shared/html instead, which ends the parser and not the process.
find_library(GUMBO_ARCHIVE NAMES libgumbo.a REQUIRED)
set(gumbo_guarded ${CMAKE_BINARY_DIR}/generated/libgumbo_guarded.a)
add_custom_command(OUTPUT ${gumbo_guarded}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated
  COMMAND ${CMAKE_OBJCOPY} --redefine-sym __assert_fail=html_tree_assertion_failed
    ${GUMBO_ARCHIVE} ${gumbo_guarded}
  DEPENDS ${GUMBO_ARCHIVE} COMMENT "Guarding libgumbo's assertions" VERBATIM)
add_custom_target(gumbo_guard DEPENDS ${gumbo_guarded})
add_library(heronry_gumbo INTERFACE)
target_link_libraries(heronry_gumbo INTERFACE ${gumbo_guarded})
add_dependencies(heronry_gumbo gumbo_guard)
