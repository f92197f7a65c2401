# For cross builds on Debian (tests/nightly/cross.sh): a toolchain file. VITLRP_CROSS is the compiler's prefix, as
# s390x-linux-gnu; VITLRP_CROSS_ROOT a folder with that architecture's libraries and headers. What is built runs under
# qemu, tests too.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES VITLRP_CROSS VITLRP_CROSS_ROOT)
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR "${VITLRP_CROSS}")
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSROOT "${VITLRP_CROSS_ROOT}")
set(CMAKE_C_COMPILER ${VITLRP_CROSS}-gcc)
set(CMAKE_CXX_COMPILER "") # the programs in C++ are left out
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${CMAKE_SYSTEM_PROCESSOR}-static -L "${VITLRP_CROSS_ROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
    set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${VITLRP_CROSS_ROOT}")
set(VITLRP_CROSS_USR "${VITLRP_CROSS_ROOT}/usr")
set(ENV{PKG_CONFIG_LIBDIR} "${VITLRP_CROSS_USR}/lib/${VITLRP_CROSS}/pkgconfig:${VITLRP_CROSS_USR}/share/pkgconfig")
