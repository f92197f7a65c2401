# The libraries the project stands on; src/ARCHITECTURE.md says why each of them. What is added here
# must be added to vitlrpConfig.cmake.in and vitlrp.pc.in too, for who links the static library.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.13)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
# Debian 12 has 2.8, whose file for pkg-config says 2.6.
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc>=2.6)

# Optional: TIFF of 8 bits. Off unless asked for, since libtiff brings libraries of its own.
option(VITLRP_TIFF "Read TIFF of 8 bits by libtiff (4.5 or newer)" OFF)
set(PC_TIFF "")
if(VITLRP_TIFF)
    pkg_check_modules(TIFF REQUIRED IMPORTED_TARGET libtiff-4>=4.5)
    set(PC_TIFF ", libtiff-4 >= 4.5")
endif()
# Optional: AVIF. Off unless asked for: libavif brings decoders and encoders of AV1, 20 MB of them.
option(VITLRP_AVIF "Read AVIF by libavif (0.11 or newer)" OFF)
set(PC_AVIF "")
if(VITLRP_AVIF)
    pkg_check_modules(AVIF REQUIRED IMPORTED_TARGET libavif>=0.11)
    set(PC_AVIF ", libavif >= 0.11")
endif()
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto>=3.0)

# Debian keeps every OpenBLAS flavour in a folder of its own, outside pkg-config's path. The OpenMP flavour is wanted: it
# runs single-threaded inside our pool's threads, where the pthread flavour would start a second pool.
find_path(OPENBLAS_INCLUDE_DIR cblas.h
    PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp
                  ${CMAKE_LIBRARY_ARCHITECTURE}/openblas openblas REQUIRED)
find_library(OPENBLAS_LIBRARY openblas
    PATH_SUFFIXES openblas-openmp openblas REQUIRED)
# By a name instead of a path, so that the installed library is not tied to this machine's folders.
add_library(vitlrp::openblas UNKNOWN IMPORTED)
set_target_properties(vitlrp::openblas PROPERTIES IMPORTED_LOCATION ${OPENBLAS_LIBRARY})

# Optional: a second backend for matrix products.
option(VITLRP_ONEDNN "Build the oneDNN backend if oneDNN is found" ON)
if(VITLRP_ONEDNN)
    find_path(ONEDNN_INCLUDE_DIR dnnl.h)
    find_library(ONEDNN_LIBRARY dnnl)
endif()
if(VITLRP_ONEDNN AND ONEDNN_INCLUDE_DIR AND ONEDNN_LIBRARY)
    add_library(vitlrp::onednn UNKNOWN IMPORTED)
    set_target_properties(vitlrp::onednn PROPERTIES IMPORTED_LOCATION ${ONEDNN_LIBRARY})
else()
    # Empty where it is not used, whatever an earlier run of CMake found.
    unset(ONEDNN_LIBRARY CACHE)
    set(ONEDNN_LIBRARY "")
endif()

# Optional: texts on pictures in scripts that the built-in font lacks. The headers are needed here, the library where
# the program runs: it is loaded for such a text only (src/base/library.h), so nothing is linked.
option(VITLRP_PANGO "Draw texts in any script by Pango, if its headers are found" ON)
unset(PANGO_FOUND CACHE)
set(PANGO_FOUND FALSE)
if(VITLRP_PANGO)
    pkg_check_modules(PANGO pangoft2>=1.48)
endif()

# Optional, for the command only, and loaded like it: figures as PDF, PNG and JPEG.
option(VITLRP_CAIRO "Write figures as PDF, PNG and JPEG by cairo and Pango, if their headers are found" ON)
unset(CAIRO_FOUND CACHE)
set(CAIRO_FOUND FALSE)
if(VITLRP_CAIRO)
    pkg_check_modules(CAIRO pangocairo>=1.44 cairo-pdf>=1.16)
endif()
