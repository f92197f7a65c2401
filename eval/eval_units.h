/* Runs whose curves are over hidden units in the place of patches: which they are, and what methods
 * say of them. */
#ifndef EVAL_EVAL_UNITS_H
#define EVAL_EVAL_UNITS_H

#include "eval/eval_run_private.h"

/* In the place of a method: the sum of a unit's values over tokens, for a head of the norm of its
 * outputs, as many studies rank neurons. It has no map. */
extern const struct vit_method UNIT_ACTIVATION;

/* True if the curves of a run are over hidden units. */
bool eval_units_are_wanted(const struct eval_run_options *options);

/* USAGE for blocks that the model does not have, for settings that are of patches, and for methods
 * that say nothing of hidden units. */
enum vitlrp_status eval_units_check(const struct eval_run_options *options,
                                    struct vitlrp_error *err);

/* Of all blocks of the ranking; 0: curves are over patches. */
size_t eval_units_count(const struct eval_run_options *options);

/* Bytes that a thread needs for them, beside its batches. LIMIT if they cannot be counted. */
enum vitlrp_status eval_units_bytes(const struct run *run, size_t *bytes, struct vitlrp_error *err);

/* Opens the evaluators over the worker's batches, and room for scores. eval_units_close releases
 * it, after a failure too. */
enum vitlrp_status eval_units_open(const struct run *run, struct worker *worker,
                                   struct vitlrp_error *err);
void eval_units_close(struct worker *worker);

/* Begins an image. */
void eval_units_begin(struct worker *worker);

/* The scores of the method's units, and its map into request->patches. A failure that is the
 * method's own leaves the result invalid. */
enum vitlrp_status eval_units_attribute(const struct run *run, struct worker *worker,
                                        const struct vit_method_request *request, size_t method,
                                        struct eval_method_result *result,
                                        struct vitlrp_error *err);

/* The curves of the valid results, in each place. */
enum vitlrp_status eval_units_curves(const struct run *run, struct worker *worker,
                                     const struct curve_request *request, struct vitlrp_error *err);

#endif
