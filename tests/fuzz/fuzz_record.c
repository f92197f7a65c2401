/* The whole input is the record of an evaluation: it is read, written, read again, and shown. */
#include <string.h>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "vitlrp_eval.h"

/* As many times its size in memory as JSON takes at most. In time a factor of its own: a result of
 * a method on an image is 105 bytes at least, and is in 10,000 samples of each of its metrics'
 * means (eval/statistics.c); a record is read twice and shown twice here. */
const struct bounds FUZZ_BOUNDS = {.seconds_per_megabyte = 15, .bytes_per_byte = 88};

/* A record that is read is written as text that gives the same text again. */
void fuzz_one(const uint8_t *data, size_t length) {
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_evaluation *again = NULL;
    char *text = NULL;
    char *second = NULL;
    size_t size = 0;
    size_t second_size = 0;
    struct vitlrp_error error;
    if (vitlrp_evaluation_read(data, length, &evaluation, &error) != VITLRP_OK) {
        fuzz_check(error.message[0] != '\0', "a failure without a word");
        return;
    }
    if (vitlrp_evaluation_json(evaluation, &text, &size, &error) == VITLRP_OK &&
        vitlrp_evaluation_read(text, size, &again, &error) == VITLRP_OK) {
        fuzz_check(vitlrp_evaluation_json(again, &second, &second_size, &error) == VITLRP_OK &&
                       size == second_size && memcmp(text, second, size) == 0,
                   "a record that changes when it is written");
    } else {
        fuzz_check(false, error.message);
    }
    vitlrp_free(text);
    vitlrp_free(second);
    vitlrp_evaluation_close(again);
    char *page = NULL;
    if (vitlrp_evaluation_html(evaluation, &page, &size, &error) == VITLRP_OK) {
        fuzz_check(text_is_utf8(page, size), "a page that is not UTF-8");
        vitlrp_free(page);
    }
    if (vitlrp_evaluation_csv(evaluation, &page, &size, &error) == VITLRP_OK) {
        fuzz_touch(page, size);
        vitlrp_free(page);
    }
    vitlrp_evaluation_close(evaluation);
}
