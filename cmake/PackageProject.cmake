# Read by CPack, whichever version it is, before it packs.
#
# The package of the library needs a trigger that runs ldconfig. Older versions of CPack know none: it is given
# to them as a file. Newer ones write it themselves, and give the file 0755 where 0644 is wanted.
set(OF_CPACK ${CMAKE_ROOT}/Modules/Internal/CPack/CPackDeb.cmake)
set(KNOWS_TRIGGERS TRUE)
if(EXISTS ${OF_CPACK})
    file(STRINGS ${OF_CPACK} KNOWS_TRIGGERS REGEX "GENERATE_LDCONFIG_TRIGGERS" LIMIT_COUNT 1)
endif()
if(NOT KNOWS_TRIGGERS)
    set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/debian/triggers)
endif()
