/* The formats of the JSON that the program writes: every object begins with its name and version,
 * as `format`. The version increases where a reader of the last one would be wrong; data/FORMATS.md
 * describes them, data/schemas has a schema of each. */
#ifndef BASE_FORMATS_H
#define BASE_FORMATS_H

#define FORMAT_EXPLANATION "vitlrp explanation 3"
#define FORMAT_COMPARISON "vitlrp comparison 1"
#define FORMAT_NEURONS "vitlrp neurons 1"
#define FORMAT_MODEL "vitlrp model 2"
#define FORMAT_FILE "vitlrp file 1"
#define FORMAT_EVALUATION "vitlrp evaluation 4"
#define FORMAT_EVALUATION_3_OLD                                                                    \
    "vitlrp evaluation 3" /* without the model's configuration: still read */
#define FORMAT_EVALUATION_OLD "vitlrp evaluation 2" /* of program 0.1: still read */
#define FORMAT_PROGRESS "vitlrp progress 1"
#define FORMAT_PAGE "vitlrp page 1"
#define FORMAT_SETTINGS "vitlrp settings 1"
#define FORMAT_TUNING "vitlrp tuning 1"

#define FORMAT_BATCH "vitlrp batch 3"
#define FORMAT_BATCH_IMAGE "vitlrp batch image 3"
#define FORMAT_BATCH_IMAGE_2_OLD "vitlrp batch image 2"
#define FORMAT_BATCH_2_OLD "vitlrp batch 2" /* without the model's configuration: still read */
#define FORMAT_BATCH_OLD "vitlrp batch 1"   /* of program 0.1: still read */

#define FORMAT_CONCEPTS "vitlrp concepts 1"
#define FORMAT_CONCEPTS_IMAGE "vitlrp concepts image 1"
#define FORMAT_GALLERY "vitlrp gallery 1"

#define FORMAT_RERUN "vitlrp rerun 1"
#define FORMAT_BENCH "vitlrp bench 1"
#define FORMAT_BENCH_BATCH "vitlrp bench batch 1"
#define FORMAT_BENCH_EVALUATION "vitlrp bench eval 1"
#define FORMAT_BENCH_THROUGHPUT "vitlrp bench throughput 1"

#endif
