# Debian packages: libvitlrp1, libvitlrp-dev and vitlrp, from the three components of Install.cmake.
# `make package` is the front door; it configures with the prefix /usr, so that libraries go to the
# architecture's own folder. CPACK_PACKAGE_CONTACT is for who gives the packages to others to set.
#
# What lintian still says about them is CPack's:
#   maintscript-calls-ldconfig  older versions of CPack write a postinst and a postrm for every library below
#       /usr/lib and have no switch for it; the trigger that replaces them is there too (PackageProject.cmake).
#   no-symbols-control-file (information)  CPack makes the older shlibs, which say the same of a library
#       whose symbols all have one version.
set(CPACK_PACKAGE_CONTACT "vitlrp maintainers <maintainers@vitlrp.invalid>" CACHE STRING
    "Maintainer of the packages")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vitlrp)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL library development command)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
    GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_VITLRP_DATE ${VITLRP_DATE})
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/DebianFiles.cmake)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/PackageProject.cmake)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE vitlrp)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
# Any flavour will do (shlibdeps adds that); this makes apt take the one that is wanted
# (Dependencies.cmake) where there is none yet.
set(OPENBLAS_FLAVOUR "libopenblas0-openmp | libopenblas0")

set(ABOUT "Which pixels made a Vision Transformer decide? vitlrp draws class-specific
heat maps by AttnLRP with the gamma rule, on the CPU, from any published
checkpoint of a plain ViT (torchvision, timm, Hugging Face, JAX).")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libvitlrp${VITLRP_ABI})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS ${OPENBLAS_FLAVOUR})
if(PANGO_FOUND) # loaded when it is needed, so nobody sees the dependency
    set(CPACK_DEBIAN_LIBRARY_PACKAGE_RECOMMENDS libpangoft2-1.0-0)
    set(CPACK_DEBIAN_COMMAND_PACKAGE_RECOMMENDS libpangoft2-1.0-0)
endif()
if(CAIRO_FOUND)
    set(CPACK_DEBIAN_COMMAND_PACKAGE_RECOMMENDS libpangocairo-1.0-0)
endif()
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "explain Vision Transformers by relevance - library
${ABOUT}
.
This package has the shared library.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libvitlrp-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS library)
# What vitlrp.pc names, for who links the static library.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libjansson-dev, libjpeg-dev, libopenblas-openmp-dev, libpng-dev, libssl-dev, libutf8proc-dev, libwebp-dev, libzstd-dev, zlib1g-dev")
if(VITLRP_TIFF)
    string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libtiff-dev")
endif()
if(VITLRP_AVIF)
    string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libavif-dev")
endif()
if(ONEDNN_LIBRARY)
    string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libdnnl-dev")
endif()
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "explain Vision Transformers by relevance - development
${ABOUT}
.
This package has the header, the static library, and files for pkg-config
and CMake.")

set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME vitlrp)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION science)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMMAND_PACKAGE_DEPENDS ${OPENBLAS_FLAVOUR})
set(CPACK_DEBIAN_COMMAND_DESCRIPTION "explain Vision Transformers by relevance - command
${ABOUT}
.
This package has the command, with a small built-in model for a first
picture, and the documentation.")

include(CPack)
