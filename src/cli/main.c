/* The command vitlrp. Holds nothing but the choice of the verb: what a verb does is in its own
 * file. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "args.h"
#include "console.h"
#include "help.h"
#include "limits.h"
#include "machine.h"
#include "verbs.h"
#include "vitlrp.h"

/* ---- Before main ---- */

/* OpenBLAS takes a buffer when it is loaded, before main, and never returns if the address space
 * has no room for it (ulimit -v): a question that must be asked still earlier, while the program
 * loader runs. Nothing is exported; the loader finds the function. */

/* Sanitizers have not begun by then, and cannot run with a limit of the address space anyway. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GUARD_IS_OFF
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GUARD_IS_OFF
#endif
#endif

#if defined(__ELF__) && defined(__GLIBC__) && !defined(GUARD_IS_OFF)

/* Two buffers of 129 MiB on x86-64, and what the rest of the start takes. */
#define NEEDED ((size_t) 272 << 20)
#define EXIT_LIMIT 5

static void check_address_space(void) {
    static const char MESSAGE[] = "vitlrp: out of memory: the command needs 272 MiB of address "
                                  "space to start (see ulimit -v)\n";
    void *room = mmap(NULL, NEEDED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room != MAP_FAILED) {
        munmap(room, NEEDED);
        return;
    }
    ssize_t unused = write(STDERR_FILENO, MESSAGE, sizeof MESSAGE - 1);
    (void) unused; /* there is nowhere to say more */
    _exit(EXIT_LIMIT);
}

/* Functions of this section run before the libraries' own. */
__attribute__((section(".preinit_array"),
               used)) static void (*const guard)(void) = check_address_space;

#endif

/* ---- Without a verb ---- */

#define HELP_LIMIT ((size_t) 1 << 16)

static void general_guard_streams(void) {
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) == -1) {
            /* open takes the lowest free number, which is this one; opened the wrong way round, so
             * that its use is an error as before. */
            int mode = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
            if (open("/dev/null", mode) != descriptor) {
                return;
            }
        }
    }
}

static bool general_is_wanted(const struct args *args) {
    return args->value[OPTION_HELP] != NULL || args->value[OPTION_HELP_SHORT] != NULL ||
           args->value[OPTION_VERSION] != NULL;
}

/* One line, and if `full` what a report of a fault should hold. */
static void append_version(struct text *text, bool full) {
    char build[2048];
    text_printf(text, "vitlrp %s\n", vitlrp_version());
    if (full) {
        char cpu[128];
        machine_cpu(cpu, sizeof cpu);
        vitlrp_describe_build(build, sizeof build);
        struct limits limits;
        limits_init(&limits);
        text_printf(text,
                    "processor: %s, %ld threads\n%slimits: ", cpu[0] != '\0' ? cpu : "unknown",
                    sysconf(_SC_NPROCESSORS_ONLN), build);
        limits_append(&limits, text);
        text_append_string(text, "\n");
    }
}

static enum exit_code general_main(const struct args *args) {
    struct vitlrp_error err;
    struct text text = {.limit = HELP_LIMIT};
    if (args->value[OPTION_HELP] != NULL) {
        help_option(args, &text);
    } else if (args->value[OPTION_HELP_SHORT] != NULL) {
        help_short(&text);
    } else {
        append_version(&text, args->verbosity > 1);
    }
    enum exit_code code = console_check(console_write(&text, &err), CODE_OUTPUT, &err);
    text_free(&text);
    return code;
}

static enum exit_code general_usage(void) {
    struct text text = {.limit = HELP_LIMIT};
    help_short(&text);
    if (!text.failed) {
        fputs(text.data, stderr);
    }
    text_free(&text);
    return CODE_USAGE;
}

/* The verb help: a topic, or what --help says. */
static enum exit_code help_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct text text = {.limit = HELP_LIMIT};
    enum vitlrp_status status = help_of(args, &text, &err);
    (void) console;
    if (status == VITLRP_OK) {
        status = console_write(&text, &err);
    }
    text_free(&text);
    return console_check(status, CODE_OUTPUT, &err);
}

/* ---- The verb ---- */

static enum exit_code verb_run(const struct args *args) {
    static enum exit_code (*const VERBS[VERB_COUNT])(const struct args *, struct console *) = {
        [VERB_EXPLAIN] = explain_main,   [VERB_COMPARE] = compare_main,
        [VERB_NEURONS] = neurons_main,   [VERB_BATCH] = batch_main,
        [VERB_CONCEPTS] = concepts_main, [VERB_EVAL] = eval_main,
        [VERB_MERGE] = merge_main,       [VERB_TUNE] = tune_main,
        [VERB_RERUN] = rerun_main,       [VERB_INFO] = info_main,
        [VERB_BENCH] = bench_main,       [VERB_HELP] = help_main,
    };
    struct console console = {.verbosity = args->verbosity};
    if (general_is_wanted(args)) {
        return general_main(args);
    }
    return VERBS[args->verb](args, &console);
}

int main(int argc, char **argv) {
    struct vitlrp_error err;
    struct args args;
    general_guard_streams();
    signal(SIGXFSZ, SIG_IGN); /* a file beyond the limit (ulimit -f) is a failure of write */
    if (argc < 2) {
        return (int) general_usage();
    }
    enum exit_code code = console_check(args_parse(argc, argv, &args, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = verb_run(&args);
    }
    args_free(&args);
    return (int) code;
}
