/* Journals of rows of texts: every class that a list of prompts can have finds its place, and a
 * file that does not begin with what its rows are of is refused. */
#include <jansson.h>
#include <string.h>

#include "api/prompt_list.h"
#include "api/text_journal.h"
#include "support/scratch.h"

#include "support/unit.h"

enum { WIDTH = 2 };

static enum vitlrp_status open_in(const struct scratch *scratch, struct text_journal *out,
                                  struct vitlrp_error *err) {
    char path[128];
    scratch_path(scratch, "rows.jsonl", path, sizeof path);
    json_t *of = json_pack("{s:s}", "texts", "of a test");
    enum vitlrp_status status = text_journal_open(path, of, out, err);
    json_decref(of);
    return status;
}

/* The row of the empty text stands behind those of all prompts and of the contrast. */
static void test_last_class(void **unused) {
    (void) unused;
    const size_t last = PROMPT_LIST_MOST + 1;
    const float row[WIDTH] = {0.6F, 0.8F};
    float read[WIDTH] = {0};
    size_t done = 0;
    struct text_journal journal;
    struct vitlrp_error err = {0};
    struct scratch scratch = scratch_open();
    assert_int_equal(open_in(&scratch, &journal, &err), VITLRP_OK);
    assert_int_equal(text_journal_add(&journal, 0, row, WIDTH, &err), VITLRP_OK);
    assert_int_equal(text_journal_add(&journal, last, row, WIDTH, &err), VITLRP_OK);
    text_journal_close(&journal);

    assert_int_equal(open_in(&scratch, &journal, &err), VITLRP_OK);
    assert_true(last + 1 < journal.journal.count);
    assert_true(journal.journal.entries[last + 1].length > 0);
    assert_int_equal(text_journal_read(&journal, WIDTH, read, 1, &done, &err), VITLRP_OK);
    assert_int_equal(done, 1);
    assert_memory_equal(read, row, sizeof row);
    text_journal_close(&journal);
    scratch_close(&scratch);
}

static void test_no_first_line(void **unused) {
    (void) unused;
    struct text_journal journal;
    struct vitlrp_error err = {0};
    struct scratch scratch = scratch_open();
    scratch_text(&scratch, "rows.jsonl",
                 "{\"index\":1,\"status\":\"ok\",\"row\":\"\"}\n"
                 "{\"index\":2,\"status\":\"ok\",\"row\":\"\"}\n");
    assert_int_equal(open_in(&scratch, &journal, &err), VITLRP_FORMAT);
    assert_non_null(strstr(err.message, "rows.jsonl: has no line that says of which texts"));
    text_journal_close(&journal);
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_class),
        cmocka_unit_test(test_no_first_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
