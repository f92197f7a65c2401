#define _GNU_SOURCE /* program_invocation_short_name */
#include "support/kept_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/unit.h"

void record_keep(const char *json, size_t size) {
    static unsigned kept; /* makes the names of one program differ */
    const char *folder = getenv("VITLRP_KEEP_RECORDS");
    if (folder == NULL) {
        return;
    }
    char path[1000];
    int length =
        snprintf(path, sizeof path, "%s/%s.%u.json", folder, program_invocation_short_name, kept++);
    assert_true(length > 0 && (size_t) length < sizeof path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(json, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}
