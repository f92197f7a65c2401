/* A handler that runs at any moment of a pass finds a stack that it may write to: the passes of
 * every backend under a profiling timer, whose handler looks where its own frame lies. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>

#include "support/small_model.h"
#include "vit/program/batch.h"
#include "vitlrp.h"

#include "support/unit.h"

enum { PERIOD_US = 200, PASSES = 40, FEWEST_TICKS = 20, PIXELS = 3 * 64 * 64, PATCHES = 64 };

static const char *stack_begin, *stack_end; /* of the thread that takes the signals */
static atomic_int ticks, outside;

static void look(int number) {
    char frame[2048];
    (void) number;
    /* Not an address of `frame`, which AddressSanitizer may keep elsewhere. */
    const char *here = __builtin_frame_address(0);
    memset(frame, 0, sizeof frame);
    atomic_fetch_add(&ticks, 1);
    if (here < stack_begin || here >= stack_end) {
        atomic_fetch_add(&outside, 1);
    }
}

static void find_stack(void) {
    pthread_attr_t attributes;
    void *begin;
    size_t size;
    assert_int_equal(pthread_getattr_np(pthread_self(), &attributes), 0);
    assert_int_equal(pthread_attr_getstack(&attributes, &begin, &size), 0);
    pthread_attr_destroy(&attributes);
    stack_begin = begin;
    stack_end = stack_begin + size;
}

static void run_timer(long period_us) {
    const struct itimerval timer = {{0, period_us}, {0, period_us}};
    assert_int_equal(setitimer(ITIMER_PROF, &timer, NULL), 0);
}

static void explain(struct vitlrp_session *session, float *patches) {
    static float input[PIXELS];
    const struct vitlrp_target target = {.output = 0, .weight = 1.0F};
    struct vitlrp_method_options method;
    struct vitlrp_relevance relevance;
    for (size_t i = 0; i < PIXELS; i++) {
        input[i] = (float) (i % 97) / 48.0F - 1.0F;
    }
    vitlrp_relevance_init(&relevance);
    relevance.patches = patches;
    assert_int_equal(vitlrp_method_options_init(&method, "attnlrp", NULL), VITLRP_OK);
    assert_int_equal(vitlrp_session_forward(session, input, NULL, NULL), VITLRP_OK);
    assert_int_equal(vitlrp_session_attribute(session, &target, 1, &method, &relevance, NULL),
                     VITLRP_OK);
}

static void check_backend(const struct vitlrp_model *model, const char *backend) {
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    float quiet[PATCHES], disturbed[PATCHES];
    vitlrp_session_options_init(&options);
    options.backend = backend;
    options.threads = 2;
    assert_int_equal(vitlrp_session_open(model, &options, &session, NULL), VITLRP_OK);
    explain(session, quiet);
    run_timer(PERIOD_US);
    for (int i = 0; i < PASSES || (atomic_load(&ticks) < FEWEST_TICKS && i < 100 * PASSES); i++) {
        explain(session, disturbed);
        assert_memory_equal(disturbed, quiet, sizeof quiet);
    }
    run_timer(0);
    vitlrp_session_close(session);
}

static void test_handlers_have_a_stack(void **unused) {
    struct sigaction action = {.sa_handler = look, .sa_flags = (int) SA_RESTART};
    struct vitlrp_model *model = NULL;
    const char *backend;
    (void) unused;
    find_stack();
    assert_int_equal(vitlrp_model_open(SMALL_MODEL, NULL, &model, NULL), VITLRP_OK);
    assert_int_equal(sigaction(SIGPROF, &action, NULL), 0);
    for (size_t i = 0; (backend = vitlrp_backend_name(i)) != NULL; i++) {
        atomic_store(&ticks, 0);
        check_backend(model, backend);
        assert_true(atomic_load(&ticks) >= FEWEST_TICKS);
        assert_int_equal(atomic_load(&outside), 0);
    }
    vitlrp_model_close(model);
}

/* What was blocked before a call is blocked after it, and nothing else. */
static void check_blocked(const sigset_t *before) {
    sigset_t after;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    for (int number = 1; number < NSIG; number++) {
        assert_int_equal(sigismember(&after, number), sigismember(before, number));
    }
}

static void test_signals_are_given_back(void **unused) {
    sigset_t before;
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    struct vitlrp_model *model = NULL;
    float patches[PATCHES];
    (void) unused;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
    assert_int_equal(vitlrp_model_open(SMALL_MODEL, NULL, &model, NULL), VITLRP_OK);
    vitlrp_session_options_init(&options);
    assert_int_equal(vitlrp_session_open(model, &options, &session, NULL), VITLRP_OK);
    explain(session, patches);
    check_blocked(&before);
    vitlrp_session_close(session);
    vitlrp_model_close(model);
}

static void test_batches_give_signals_back(void **unused) {
    static const uint8_t MASKS[PATCHES];
    static const float INPUT[PIXELS];
    const struct vit_batch_options options = {.threads = 1, .capacity = 2, .backend = "auto"};
    const struct vit_mixture mixture = {
        .original = INPUT, .replacement = INPUT, .masks = MASKS, .count = 1};
    sigset_t before;
    struct vit_model *model = NULL;
    struct vit_batch *batch = NULL;
    float logits[1000];
    (void) unused;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
    assert_int_equal(vit_model_load(SMALL_MODEL, &(struct vit_load_options){0}, &model, NULL),
                     VITLRP_OK);
    assert_true((size_t) model->config.classes <= sizeof logits / sizeof logits[0]);
    assert_int_equal(vit_batch_open(model, &options, &batch, NULL), VITLRP_OK);
    check_blocked(&before);
    assert_int_equal(vit_batch_forward(batch, 1, INPUT, logits, NULL), VITLRP_OK);
    check_blocked(&before);
    assert_int_equal(vit_batch_forward_mixed(batch, &mixture, logits, NULL), VITLRP_OK);
    check_blocked(&before);
    assert_int_equal(vit_batch_forward_without(batch, INPUT, MASKS, 1, logits, NULL), VITLRP_OK);
    check_blocked(&before);
    vit_batch_close(batch);
    vit_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handlers_have_a_stack),
        cmocka_unit_test(test_signals_are_given_back),
        cmocka_unit_test(test_batches_give_signals_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
