# Run by CPack between installing and packing: what Debian wants of a package and an installation
# elsewhere does not need.
find_program(GZIP gzip REQUIRED)
find_program(STRIP strip REQUIRED)
find_program(DATE_PROGRAM date REQUIRED)
set(FILES ${CMAKE_CURRENT_LIST_DIR}/debian)

set(ENV{LC_ALL} C)
execute_process(COMMAND ${DATE_PROGRAM} --utc --rfc-email --date=${CPACK_VITLRP_DATE}
    OUTPUT_VARIABLE DATE OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

# gzip without time and name, so that the same files make the same package.
function(compress)
    execute_process(COMMAND ${GZIP} -9 --no-name --force ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

foreach(component library development command)
    string(TOUPPER ${component} COMPONENT)
    set(package ${CPACK_DEBIAN_${COMPONENT}_PACKAGE_NAME})
    set(share ${CPACK_TEMPORARY_DIRECTORY}/${component}/usr/share)
    configure_file(${FILES}/copyright ${share}/doc/${package}/copyright COPYONLY)
    configure_file(${FILES}/changelog.in ${share}/doc/${package}/changelog @ONLY)
    compress(${share}/doc/${package}/changelog)
    # Whatever umask the packages are made under, and had the sources: everybody reads what is installed.
    file(CHMOD ${share}/doc/${package}/copyright ${share}/doc/${package}/changelog.gz
        PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endforeach()

# CPack itself strips programs and shared libraries, but of symbols only.
file(GLOB_RECURSE BINARIES ${CPACK_TEMPORARY_DIRECTORY}/*.a ${CPACK_TEMPORARY_DIRECTORY}/*.so.*.*
    ${CPACK_TEMPORARY_DIRECTORY}/*/usr/bin/*)
execute_process(COMMAND ${STRIP} --strip-debug --remove-section=.comment ${BINARIES}
    COMMAND_ERROR_IS_FATAL ANY)

set(share ${CPACK_TEMPORARY_DIRECTORY}/command/usr/share)
compress(${share}/man/man1/vitlrp.1)
file(CHMOD ${share}/man/man1/vitlrp.1.gz PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
# The licence is in every Debian system, and named in the file copyright.
file(REMOVE ${share}/doc/vitlrp/LICENSE)
# Debian's zsh looks for packages' completions here.
file(MAKE_DIRECTORY ${share}/zsh/vendor-completions)
file(RENAME ${share}/zsh/site-functions/_vitlrp ${share}/zsh/vendor-completions/_vitlrp)
file(REMOVE_RECURSE ${share}/zsh/site-functions)

# As CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS, which does not reach the folders above those of the components.
foreach(component library development command)
    file(GLOB_RECURSE FOLDERS LIST_DIRECTORIES TRUE ${CPACK_TEMPORARY_DIRECTORY}/${component}/*)
    foreach(folder ${CPACK_TEMPORARY_DIRECTORY}/${component} ${FOLDERS})
        if(IS_DIRECTORY ${folder} AND NOT IS_SYMLINK ${folder})
            file(CHMOD ${folder} PERMISSIONS ${CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS})
        endif()
    endforeach()
endforeach()
