/* What a measurement was made on: the model, an input, the machine. */
#ifndef CLI_BENCH_MACHINE_H
#define CLI_BENCH_MACHINE_H

#include <stddef.h>

#include "base/json.h"
#include "base/status.h"
#include "cli/console.h"
#include "cli/settings.h"
#include "vitlrp.h"

/* What --model NAME means here: not a file but ViT-B/16 with random weights. */
#define BENCH_RANDOM_MODEL "random"

/* Opens the model of --model; without one, `fallback`, which is BENCH_RANDOM_MODEL or NULL for the
 * built-in model. *model is owned: vitlrp_model_close. */
enum vitlrp_status bench_open_model(const struct settings *settings, const char *fallback,
                                    const struct console *console, struct vitlrp_model **model,
                                    struct vitlrp_error *err);

/* The session options of the settings, for the input size that they choose. */
enum vitlrp_status bench_session_options(const struct settings *settings,
                                         const struct vitlrp_model *model,
                                         struct vitlrp_session_options *options,
                                         struct vitlrp_error *err);

/* A picture of no meaning, the same every time, in which no value is special. */
void bench_fill_input(float *input, size_t count);

/* Bytes resident at most so far, of the whole process; 0 if unknown. */
double bench_peak_memory(void);

/* Writes the object (which it takes; NULL: out of memory) to the file json_path (NULL: none, "-":
 * standard output), and the table to standard output unless JSON went there or the console is
 * quiet. */
enum vitlrp_status bench_write(json_t *object, const char *json_path, const struct text *table,
                               const struct console *console, struct vitlrp_error *err);

#endif
