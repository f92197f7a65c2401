#include "batch_outcome.h"

#include <stdio.h>

void batch_outcome_stop(struct batch_outcome *outcome, enum vitlrp_status status,
                        enum exit_code stage, const struct vitlrp_error *err) {
    if (outcome->status == VITLRP_OK && status != VITLRP_OK) {
        outcome->status = status;
        outcome->stage = stage;
        outcome->err = *err;
    }
}

bool batch_outcome_add(struct batch_outcome *outcome, const struct batch_item *item,
                       const struct batch_limit *most) {
    outcome->done++;
    if (item->state == JOURNAL_FAILED) {
        if (outcome->failed < BATCH_TOLD_FAILURES) {
            struct batch_failure *failure = &outcome->failures[outcome->failed];
            text_escape_name(failure->image, sizeof failure->image, item->image.id);
            snprintf(failure->message, sizeof failure->message, "%.*s",
                     (int) sizeof failure->message - 1, batch_item_message(item));
        }
        outcome->failed++;
    }
    return batch_limit_is_passed(most, outcome->failed, outcome->done);
}

static void append_failures(const struct batch_outcome *outcome, struct text *out) {
    for (size_t i = 0; i < outcome->failed && i < BATCH_TOLD_FAILURES; i++) {
        text_printf(out, "  %s: %s\n", outcome->failures[i].image, outcome->failures[i].message);
    }
    if (outcome->failed > BATCH_TOLD_FAILURES) {
        text_printf(out, "  and %zu more: see the results\n",
                    outcome->failed - BATCH_TOLD_FAILURES);
    }
}

void batch_outcome_append(const struct batch_outcome *outcome, size_t resumed, size_t left,
                          double seconds, struct text *out) {
    if (resumed > 0) {
        text_printf(out, "; %zu already there", resumed);
    }
    if (outcome->done > 0 && seconds > 0.0) {
        text_printf(out, "; %zu in %.1f s, %.1f images/s", outcome->done, seconds,
                    (double) outcome->done / seconds);
    }
    text_append_string(out, left > 0 ? "; the same command resumes the run\n" : "\n");
    append_failures(outcome, out);
}

void batch_outcome_tell_giving_up(const struct batch_outcome *outcome,
                                  const struct batch_limit *most) {
    char message[200];
    if (outcome->gave_up) {
        snprintf(message, sizeof message,
                 "given up: %zu of %zu images failed (--max-failures %s); what was done is written",
                 outcome->failed, outcome->done, most->text);
        console_error(message);
    }
}
