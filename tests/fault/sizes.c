/* What a small file says that it holds is not allocated (row I9): the largest block that a
 * reader asks for, counted. */
#include <stdio.h>
#include <string.h>

#include "fault/failing_memory.h"
#include "imgio/decode.h"
#include "support/unit.h"

#define MIB ((size_t) 1 << 20)

/* A PNG of 4 x 4 pixels with a chunk that says it has 1 GiB, of which 100 bytes are there. */
static size_t make_png(const char *kind, unsigned char *out) {
    static const char HEAD[] =
        "\x89PNG\r\n\x1A\n\0\0\0\15IHDR\0\0\0\4\0\0\0\4\10\2\0\0\0\x26\x93\x09\x29"
        "\x40\0\0\0";
    size_t size = sizeof HEAD - 1;
    memset(out, 0, 200);
    memcpy(out, HEAD, size);
    memcpy(out + size, kind, 4);
    memcpy(out + size + 4, "MM\0*", 4);
    return size + 104;
}

static void test_chunks_of_png(void **unused) {
    static const char *const KINDS[] = {"eXIf", "sCAL", "pCAL", "iCCP", "tEXt", "zTXt", "iTXt",
                                        "hIST", "sPLT", "bKGD", "tIME", "PLTE", "tRNS", "abCd"};
    struct vitlrp_image_limits limits = image_limits_default();
    unsigned char file[200];
    (void) unused;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        struct decoded decoded = {.orientation = 1};
        struct vitlrp_error err;
        size_t size = make_png(KINDS[i], file);
        failing_memory_start(0, false);
        assert_int_equal(decode_image(file, size, &limits, &decoded, &err), VITLRP_FORMAT);
        failing_memory_stop();
        if (failing_memory_largest() > MIB || strstr(err.message, "IHDR") != NULL) {
            fail_msg("%s: %zu bytes, %s", KINDS[i], failing_memory_largest(), err.message);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_of_png),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
