/* Folders of a process: those of dead ones are removed, with what is in them, and no others. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/folder_draft.h"
#include "base/folder_live.h"
#include "support/scratch.h"

#include "support/unit.h"

static void test_locked(void **unused) {
    struct scratch scratch = scratch_open();
    int parent = -1;
    int lock = -1;
    (void) unused;
    assert_int_equal(folder_open(scratch.path, &parent, NULL), VITLRP_OK);
    assert_true(folder_live_make(parent, "run", 0700, &lock));
    scratch_text(&scratch, "run/deep/file", "text");
    assert_false(folder_live_remove_dead(parent, "run")); /* a lock of this process as well */
    assert_true(folder_has(parent, "run"));
    close(lock);
    assert_true(folder_live_remove_dead(parent, "run"));
    assert_false(folder_has(parent, "run"));
    assert_false(folder_live_remove_dead(parent, "run"));
    close(parent);
    scratch_close(&scratch);
}

static void test_taken(void **unused) {
    struct scratch scratch = scratch_open();
    int parent = -1;
    int lock = -1;
    (void) unused;
    assert_int_equal(folder_open(scratch.path, &parent, NULL), VITLRP_OK);
    scratch_text(&scratch, "run", "a file");
    assert_false(folder_live_make(parent, "run", 0700, &lock));
    assert_int_equal(lock, -1);
    assert_false(folder_live_remove_dead(parent, "run"));
    assert_true(folder_has(parent, "run"));
    close(parent);
    scratch_close(&scratch);
}

/* A link in the folder, or in its place, leads nowhere. */
static void test_links(void **unused) {
    struct scratch scratch = scratch_open();
    char kept[128];
    char link[128];
    int parent = -1;
    (void) unused;
    assert_int_equal(folder_open(scratch.path, &parent, NULL), VITLRP_OK);
    scratch_text(&scratch, "kept/file", "text");
    scratch_text(&scratch, "run/other", "text");
    scratch_path(&scratch, "kept", kept, sizeof kept);
    scratch_path(&scratch, "run/link", link, sizeof link);
    assert_int_equal(symlink(kept, link), 0);
    scratch_path(&scratch, "named", link, sizeof link);
    assert_int_equal(symlink(kept, link), 0);
    assert_true(folder_live_remove_dead(parent, "run"));
    assert_false(folder_live_remove_dead(parent, "named"));
    scratch_path(&scratch, "kept/file", kept, sizeof kept);
    assert_int_equal(access(kept, F_OK), 0);
    close(parent);
    scratch_close(&scratch);
}

/* What a process left that was killed while it made the same folder is gone, and nothing of others
 * is. */
static void test_draft(void **unused) {
    struct scratch scratch = scratch_open();
    struct folder_draft draft;
    char path[128];
    char left[256];
    (void) unused;
    scratch_path(&scratch, "index", path, sizeof path);
    assert_int_equal(folder_draft_open(path, &draft, NULL), VITLRP_OK);
    snprintf(left, sizeof left, "%s", draft.temporary.data);
    close(draft.lock); /* as the system does for a process that ends */
    draft.lock = -1;
    assert_int_equal(access(left, F_OK), 0);

    struct folder_draft next;
    assert_int_equal(folder_draft_open(path, &next, NULL), VITLRP_OK);
    assert_string_equal(next.temporary.data, left);
    struct folder_draft beside;
    assert_int_equal(folder_draft_open(path, &beside, NULL), VITLRP_OK);
    assert_string_not_equal(beside.temporary.data, left);
    assert_int_equal(folder_draft_finish(&beside, VITLRP_FORMAT, NULL), VITLRP_FORMAT);
    assert_int_equal(folder_draft_finish(&next, VITLRP_OK, NULL), VITLRP_OK);
    assert_true(folder_is(path));
    assert_int_equal(access(left, F_OK), -1);
    text_free(&draft.temporary);
    close(draft.parent);
    scratch_close(&scratch);
}

static void test_holds(void **unused) {
    struct scratch scratch = scratch_open();
    char path[128];
    int folder = -1;
    (void) unused;
    scratch_text(&scratch, "run/deep/file", "text");
    scratch_text(&scratch, "runs/file", "text");
    scratch_path(&scratch, "run", path, sizeof path);
    assert_int_equal(folder_open(path, &folder, NULL), VITLRP_OK);
    scratch_path(&scratch, "run/deep/file", path, sizeof path);
    assert_true(folder_holds(folder, path));
    scratch_path(&scratch, "run/../runs/file", path, sizeof path);
    assert_false(folder_holds(folder, path));
    scratch_path(&scratch, "run/none", path, sizeof path);
    assert_false(folder_holds(folder, path));
    close(folder);
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_locked), cmocka_unit_test(test_taken),
                                       cmocka_unit_test(test_links), cmocka_unit_test(test_draft),
                                       cmocka_unit_test(test_holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
