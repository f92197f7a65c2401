# Flags of every target of ours: C11, warnings, hardening, and sanitizers where asked for.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)

add_compile_options(
    $<$<COMPILE_LANGUAGE:C>:-Wall>
    $<$<COMPILE_LANGUAGE:C>:-Wextra>
    $<$<COMPILE_LANGUAGE:C>:-Wconversion>
    $<$<COMPILE_LANGUAGE:C>:-Wshadow>
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wvla>
    $<$<COMPILE_LANGUAGE:C>:-Wwrite-strings>
    # Constants of ours are anonymous enumerations, as C11 has no other typed ones: sums and products of them are meant.
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wno-enum-enum-conversion>
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wno-enum-float-conversion>
    -fstack-protector-strong
    # Rounded once for each operation in the source, as gcc does by -std=c11: on processors that fuse a product with a
    # sum, clang would do so by itself. Kernels ask for it (vit).
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-ffp-contract=off>)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^s390" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # By -std=c11, gcc computes floats as doubles there.
    add_compile_options(-fexcess-precision=fast)
endif()
if(VITLRP_WERROR)
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()
if(VITLRP_SANITIZE)
    # -O1 sees what -O2 would take away, and compiles in two thirds of the time; -g1: lines, for reports.
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                        -fno-omit-frame-pointer -O1 -g1)
    add_link_options(-fsanitize=address,undefined)
else()
    add_compile_options($<$<AND:$<COMPILE_LANGUAGE:C>,$<CONFIG:Release>>:-D_FORTIFY_SOURCE=2>)
endif()
if(VITLRP_TSAN)
    add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -g)
    add_link_options(-fsanitize=thread)
endif()
if(VITLRP_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(VITLRP_SANITIZE OR VITLRP_TSAN OR VITLRP_FUZZ)
    # Our own asserts are findings like others. Behind the flags of the build type, which say -DNDEBUG.
    add_compile_options(-UNDEBUG)
endif()
add_link_options(-Wl,-z,relro,-z,now)
