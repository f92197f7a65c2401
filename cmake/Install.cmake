# `cmake --install`, in three components, which are the Debian packages too: library, development,
# command. The installed tree may be moved: nothing in it holds the prefix.
include(CMakePackageConfigHelpers)
set(CONFIG_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/vitlrp)

install(TARGETS vitlrp_shared EXPORT vitlrp_shared
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT development)
install(TARGETS vitlrp_archive EXPORT vitlrp_static
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(FILES include/vitlrp.h include/vitlrp_eval.h include/vitlrp_words.h
        include/vitlrp_units.h include/vitlrp_concepts.h include/vitlrp_types.h
        include/vitlrp_roles.def
        include/vitlrp_replacements.def
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)

# find_package(vitlrp)
foreach(kind shared static)
    install(EXPORT vitlrp_${kind} NAMESPACE vitlrp:: FILE vitlrp_${kind}.cmake
        DESTINATION ${CONFIG_FOLDER} COMPONENT development)
endforeach()
configure_package_config_file(cmake/vitlrpConfig.cmake.in vitlrpConfig.cmake
    INSTALL_DESTINATION ${CONFIG_FOLDER} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(vitlrpConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vitlrpConfig.cmake ${PROJECT_BINARY_DIR}/vitlrpConfigVersion.cmake
    DESTINATION ${CONFIG_FOLDER} COMPONENT development)

# pkg-config. What the static library needs and pkg-config does not know is named, with its folder
# where the linker does not look by itself.
set(PC_FOLDER ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(PC_PREFIX ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${PC_FOLDER})
    file(RELATIVE_PATH PC_PREFIX /${PC_FOLDER} /)
    string(REGEX REPLACE "^(.*)/$" "\${pcfiledir}/\\1" PC_PREFIX ${PC_PREFIX})
endif()
foreach(kind LIB INCLUDE)
    set(PC_${kind}DIR "\${prefix}")
    cmake_path(APPEND PC_${kind}DIR ${CMAKE_INSTALL_${kind}DIR})
endforeach()
set(PC_LIBRARIES "")
foreach(library ${OPENBLAS_LIBRARY} ${ONEDNN_LIBRARY})
    get_filename_component(folder ${library} DIRECTORY)
    get_filename_component(name ${library} NAME_WE)
    string(REGEX REPLACE "^lib" "" name ${name})
    find_library(PLAIN_${name} ${name} PATHS ${CMAKE_C_IMPLICIT_LINK_DIRECTORIES} NO_DEFAULT_PATH)
    mark_as_advanced(PLAIN_${name})
    if(NOT PLAIN_${name})
        string(APPEND PC_LIBRARIES "-L${folder} ")
    endif()
    string(APPEND PC_LIBRARIES "-l${name} ")
endforeach()
configure_file(cmake/vitlrp.pc.in vitlrp.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/vitlrp.pc DESTINATION ${PC_FOLDER} COMPONENT development)

# Documents: whatever README refers to, in the same folders, so that its links work when installed.
set(DOCUMENTS README.md LICENSE data/FORMATS.md data/goldfish.jpg)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS README.md)
file(READ README.md README)
string(REPLACE "](" "<to " README "${README}") # brackets hide what parts the items of a list
string(REGEX MATCHALL "<to [^):#]+[)]" LINKS "${README}")
foreach(link ${LINKS})
    string(REGEX REPLACE "^<to (.*)[)]$" "\\1" link ${link})
    list(APPEND DOCUMENTS ${link})
endforeach()
list(REMOVE_DUPLICATES DOCUMENTS)
foreach(document ${DOCUMENTS})
    get_filename_component(folder ${document} DIRECTORY)
    install(FILES ${document} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder} COMPONENT command)
endforeach()

# Ready jobs for clusters, to be copied and changed.
install(FILES jobs/README.md jobs/batch.slurm jobs/eval.slurm DESTINATION ${CMAKE_INSTALL_DOCDIR}/jobs
    COMPONENT command)
install(PROGRAMS jobs/batch_parallel jobs/eval_parallel DESTINATION ${CMAKE_INSTALL_DOCDIR}/jobs
    COMPONENT command)
