/* A file on its way: nothing under its name before the commit, nothing left after a discard. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/file.h"
#include "base/folder.h"
#include "support/scratch.h"

#include "support/unit.h"

struct place {
    struct scratch scratch;
    char path[128], staging[128];
};

static struct place place_open(void) {
    struct place place = {.scratch = scratch_open()};
    scratch_path(&place.scratch, "file", place.path, sizeof place.path);
    scratch_path(&place.scratch, "staging", place.staging, sizeof place.staging);
    assert_int_equal(mkdir(place.staging, 0777), 0);
    return place;
}

static void assert_content(const char *path, const char *wanted) {
    struct bytes bytes;
    assert_int_equal(file_read(path, 1000, &bytes, NULL), VITLRP_OK);
    assert_int_equal(bytes.size, strlen(wanted));
    assert_memory_equal(bytes.data, wanted, bytes.size);
    bytes_free(&bytes);
}

/* With the temporary file in the staging folder, or beside the file. */
static void begin(const struct place *place, bool staged, struct draft *draft) {
    struct draft_place at = {.name = "file"};
    assert_int_equal(folder_open(place->scratch.path, &at.folder, NULL), VITLRP_OK);
    at.staging = -1;
    if (staged) {
        assert_int_equal(folder_open(place->staging, &at.staging, NULL), VITLRP_OK);
    }
    assert_int_equal(draft_open(&at, draft, NULL), VITLRP_OK);
    close(at.folder);
    if (staged) {
        close(at.staging);
    }
}

static void test_commit(void **unused) {
    struct place place = place_open();
    struct draft draft;
    (void) unused;
    scratch_text(&place.scratch, "file", "old");
    for (int staged = 0; staged < 2; staged++) {
        begin(&place, staged == 1, &draft);
        assert_int_equal(draft_write(&draft, "ne", 2, NULL), VITLRP_OK);
        assert_int_equal(draft_write(&draft, "w", 1, NULL), VITLRP_OK);
        assert_content(place.path, staged == 0 ? "old" : "new");
        assert_int_equal(draft_commit(&draft, NULL), VITLRP_OK);
        assert_content(place.path, "new");
        draft_discard(&draft);
        assert_content(place.path, "new");
    }
    assert_int_equal(rmdir(place.staging), 0); /* it is empty */
    scratch_close(&place.scratch);
}

static void test_discard(void **unused) {
    struct place place = place_open();
    struct draft draft;
    struct stat info;
    (void) unused;
    begin(&place, true, &draft);
    assert_int_equal(draft_write(&draft, "new", 3, NULL), VITLRP_OK);
    draft_discard(&draft);
    draft_discard(&draft);
    assert_int_equal(stat(place.path, &info), -1);
    assert_int_equal(rmdir(place.staging), 0);
    scratch_close(&place.scratch);
}

static void test_refusals(void **unused) {
    struct place place = place_open();
    struct draft draft;
    struct vitlrp_error err;
    char missing[160];
    (void) unused;
    snprintf(missing, sizeof missing, "%s/no/file", place.staging);
    assert_int_equal(draft_open_path(missing, &draft, &err), VITLRP_IO);
    assert_non_null(strstr(err.message, "cannot open its directory"));
    assert_int_equal(draft_open_path("..", &draft, &err), VITLRP_IO);
    assert_non_null(strstr(err.message, "does not name a file"));

    /* A folder has come into the place of the file meanwhile. */
    begin(&place, true, &draft);
    assert_int_equal(mkdir(place.path, 0777), 0);
    assert_int_equal(draft_commit(&draft, &err), VITLRP_IO);
    assert_int_equal(rmdir(place.staging), 0);
    scratch_close(&place.scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
