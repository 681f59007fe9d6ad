# SPDX-License-Identifier: Apache-2.0
# heronry_contract(TARGET): builds what tools/generate makes of openapi/ into the target: routes,
# parameters, schemas, the bundle and its page, in build/<preset>/generated.

function(heronry_contract TARGET)
  if(NOT TARGET ${TARGET})
    return()
  endif()
  set(out ${CMAKE_BINARY_DIR}/generated)
  set(tool ${CMAKE_SOURCE_DIR}/tools/generate/generate.py)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/openapi/*.yaml)
  file(GLOB tools CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/generate/*.py)
  set(sources ${out}/api_routes.c ${out}/api_params.c ${out}/api_schemas.c ${out}/api_documents.c)
  # A file that stays the same is not written again; the stamp says when it was looked at.
  add_custom_command(OUTPUT ${out}/api.stamp
    BYPRODUCTS ${sources} ${out}/api_routes.h ${out}/api_tables.h ${out}/openapi.json ${out}/docs.html
    COMMAND /usr/bin/python3 ${tool} c ${out}
    COMMAND ${CMAKE_COMMAND} -E touch ${out}/api.stamp
    DEPENDS ${files} ${tools}
    COMMENT "Generating the tables of the API" VERBATIM)
  add_custom_target(contract DEPENDS ${out}/api.stamp)
  set_source_files_properties(${sources} PROPERTIES GENERATED TRUE)
  target_sources(${TARGET} PRIVATE ${sources})
  target_include_directories(${TARGET} PUBLIC ${out})
  add_dependencies(${TARGET} contract)
endfunction()
