/* The machine-readable results of --json. Keys never change their meaning. */
#ifndef CLI_JSON_REPORT_H
#define CLI_JSON_REPORT_H

#include <stdbool.h>

#include "base/settings_json.h"
#include "base/status.h"
#include "base/text.h"
#include "explanation.h"

/* One explained class as an object. *out is owned: json_decref. */
enum vitlrp_status json_report(const struct explanation *explanation, json_t **out,
                               struct vitlrp_error *err);

/* What the method reads, as an object; precision always. */
json_t *json_method_parameters(const struct vitlrp_method_info *info,
                               const struct vitlrp_method_options *options,
                               enum vitlrp_precision precision);

/* The gammas of the rules in the order of their table. */
void json_gammas(const struct vitlrp_rules *rules, float gamma[JSON_GAMMAS]);

/* A string; bytes that are not UTF-8 (and then backslashes too) become \xNN. */
json_t *json_text(const char *text);

/* Where objects go: to one file at its end, or at once to standard output. */
struct json_sink {
    bool lines;       /* one compact object a line, for several of them */
    char *path;       /* owned; of the file that text belongs to, NULL if none */
    struct text text; /* owned */
};

void json_sink_init(struct json_sink *sink, bool lines);

/* Adds the object to the file of that name. Another name than last time ends the last file. */
enum vitlrp_status json_sink_add(struct json_sink *sink, const char *path, const json_t *object,
                                 struct vitlrp_error *err);

/* Writes what is left. */
enum vitlrp_status json_sink_finish(struct json_sink *sink, struct vitlrp_error *err);

void json_sink_free(struct json_sink *sink);

#endif
