# SPDX-License-Identifier: Apache-2.0
# Builds migrations/NNNN_topic.sql into hr_schema: as a function for CMakeLists.txt, and as the script
# (cmake -D OUT=... -D FOLDER=... -P) that writes the C source when one of the files changes.

cmake_minimum_required(VERSION 3.25)

function(heronry_migrations TARGET)
  set(out ${CMAKE_BINARY_DIR}/generated/schema_migrations.c)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/migrations/*.sql)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -D OUT=${out} -D FOLDER=${CMAKE_SOURCE_DIR}/migrations
      -P ${CMAKE_SOURCE_DIR}/cmake/migrations.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/migrations.cmake
    COMMENT "Embedding the migrations" VERBATIM)
  target_sources(${TARGET} PRIVATE ${out})
endfunction()

# One file: "NNNN", "topic" and the bytes as a C array, after what belongs before them.
function(embed_migration PATH NUMBERS)
  get_filename_component(name ${PATH} NAME)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)\\.sql$")
    message(FATAL_ERROR "${name}: a migration is called NNNN_topic.sql")
  endif()
  set(number ${CMAKE_MATCH_1})
  set(topic ${CMAKE_MATCH_2})
  if(number IN_LIST NUMBERS)
    message(FATAL_ERROR "two migrations have the number ${number}")
  endif()
  math(EXPR version "1${number} - 10000")
  file(SHA256 ${PATH} checksum)
  file(READ ${PATH} bytes HEX)
  string(REGEX REPLACE "(..)" "(char)0x\\1," bytes "${bytes}")
  # Without BEGIN: all statements sent at once are one transaction. Who waited for the lock finds the
  # row, and fails before anything else is done.
  set(before "SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock(5210318741);")
  string(APPEND before " INSERT INTO schema_migration (version, name, checksum)")
  string(APPEND before " VALUES (${version}, '${topic}', '${checksum}');\n")
  string(HEX "${before}" before)
  string(REGEX REPLACE "(..)" "(char)0x\\1," before "${before}")
  file(APPEND ${OUT}.new "static const char script_${number}[] = { ${before}\n${bytes} 0 };\n")
  set(row "    { ${version}, \"${topic}\", \"${checksum}\", script_${number} },\n" PARENT_SCOPE)
  set(number ${number} PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  file(GLOB files ${FOLDER}/*.sql)
  list(SORT files)
  if(NOT files)
    message(FATAL_ERROR "there are no migrations in ${FOLDER}")
  endif()
  file(WRITE ${OUT}.new "/* Made by cmake/migrations.cmake. */\n#include \"schema/schema.h\"\n")
  set(rows "")
  set(numbers "")
  foreach(path IN LISTS files)
    embed_migration(${path} "${numbers}")
    string(APPEND rows "${row}")
    list(APPEND numbers ${number})
  endforeach()
  file(APPEND ${OUT}.new "static const struct schema_migration list[] = {\n${rows}};\n"
    "const struct schema_migration *schema_migrations(size_t *n)\n{\n"
    "    *n = sizeof(list) / sizeof(list[0]);\n    return list;\n}\n")
  file(RENAME ${OUT}.new ${OUT})
endif()
