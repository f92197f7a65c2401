/* Memory: what control groups leave of it, of both versions, in made-up trees; and how the command
 * says that there is too little, and how long a pass will take. */
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/machine.h"
#include "cli/pass_watch.h"
#include "support/scratch.h"

#include "support/unit.h"

struct group {
    const char *path; /* below the mount; every folder on the way has a row before */
    const char *limit, *used, *stat;
};

static void make_groups(const struct scratch *scratch, bool first, const struct group *groups,
                        size_t count) {
    char name[256];
    char path[512];
    for (size_t i = 0; i < count; i++) {
        scratch_path(scratch, groups[i].path, path, sizeof path);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(name, sizeof name, "%s/%s", groups[i].path,
                 first ? "memory.limit_in_bytes" : "memory.max");
        scratch_text(scratch, name, groups[i].limit);
        snprintf(name, sizeof name, "%s/%s", groups[i].path,
                 first ? "memory.usage_in_bytes" : "memory.current");
        scratch_text(scratch, name, groups[i].used);
        snprintf(name, sizeof name, "%s/memory.stat", groups[i].path);
        scratch_text(scratch, name, groups[i].stat);
    }
}

static uint64_t left(const struct scratch *scratch, const char *membership) {
    char mount[256];
    char lines[256];
    scratch_text(scratch, "membership", membership);
    scratch_path(scratch, "mount", mount, sizeof mount);
    scratch_path(scratch, "membership", lines, sizeof lines);
    return control_group_left(lines, mount);
}

static void test_version_2(void **unused) {
    static const struct group GROUPS[] = {
        {"mount", "max\n", "7\n", ""},
        {"mount/job", "1000\n", "300\n", "anon 5\ninactive_file 100\nactive_file 50\n"},
        {"mount/job/step", "max\n", "10\n", ""},
        {"mount/small", "50\n", "60\n", ""},
        {"mount/odd", "5 000\n", "five\n", ""},
    };
    struct scratch scratch = scratch_open();
    (void) unused;
    make_groups(&scratch, false, GROUPS, 5);
    assert_int_equal(left(&scratch, "0::/job/step\n"), 800);
    assert_int_equal(left(&scratch, "0::/job\n"), 800);
    assert_int_equal(left(&scratch, "0::/job/step/that/is/elsewhere\n"), 800);
    assert_int_equal(left(&scratch, "0::/small"), 0);
    assert_true(left(&scratch, "0::/\n") == UINT64_MAX);
    assert_true(left(&scratch, "0::/odd\n") == UINT64_MAX);
    assert_true(left(&scratch, "") == UINT64_MAX);
    assert_true(left(&scratch, "\n\n0:\n::::/job\n") == UINT64_MAX);
    scratch_close(&scratch);
}

static void test_version_1(void **unused) {
    static const struct group GROUPS[] = {
        {"mount", "1", "1", ""},
        {"mount/memory", "9223372036854771712\n", "5000\n", ""},
        {"mount/memory/docker", "9223372036854771712\n", "5000\n", ""},
        {"mount/memory/docker/3f", "4000\n", "1000\n",
         "inactive_file 1\ntotal_inactive_file 500\n"},
    };
    struct scratch scratch = scratch_open();
    (void) unused;
    make_groups(&scratch, true, GROUPS, 4);
    assert_int_equal(left(&scratch, "5:cpu,cpuacct:/x\n4:memory:/docker/3f\n0::/\n"), 3500);
    assert_true(left(&scratch, "4:memory:/\n") == 9223372036854771712U - 5000);
    assert_true(left(&scratch, "4:cpuset:/docker/3f\n") == UINT64_MAX);
    scratch_close(&scratch);
}

/* In a container the mount is the group itself, though the path is the host's. */
static void test_in_a_container(void **unused) {
    static const struct group GROUPS[] = {{"mount", "100\n", "30\n", ""}};
    struct scratch scratch = scratch_open();
    (void) unused;
    make_groups(&scratch, false, GROUPS, 1);
    assert_int_equal(left(&scratch, "0::/system.slice/docker-3f.scope\n"), 70);
    assert_int_equal(left(&scratch, "0::/\n"), 70);
    scratch_close(&scratch);
}

/* Several outputs meet one shortage: one line, and the exit code of the first failure. Another
 * reason is said of each. */
static void test_shortage_is_said_once(void **unused) {
    const struct vitlrp_error shortage = {.status = VITLRP_NOMEM, .message = "out of memory"};
    const struct vitlrp_error full = {.status = VITLRP_IO, .message = "b.csv: no space"};
    char said[256] = "";
    int ends[2];
    (void) unused;
    assert_int_equal(pipe(ends), 0);
    int kept = dup(STDERR_FILENO);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    enum exit_code code = console_check(VITLRP_NOMEM, CODE_OUTPUT, &shortage);
    code = console_check_also(code, VITLRP_NOMEM, CODE_OUTPUT, &shortage);
    code = console_check_also(code, VITLRP_IO, CODE_OUTPUT, &full);
    enum exit_code worked = console_check_also(CODE_DONE, VITLRP_OK, CODE_OUTPUT, &full);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    close(ends[0]);
    close(ends[1]);
    close(kept);
    assert_string_equal(said, "vitlrp: out of memory\nvitlrp: b.csv: no space\n");
    assert_int_equal(code, CODE_LIMIT);
    assert_int_equal(worked, CODE_DONE);
}

/* Four seconds into a pass whose quarter is done, on a terminal or elsewhere. */
static void say_progress(bool rewrites, char said[512]) {
    const struct console console = {.verbosity = 1};
    struct pass_watch watch = pass_watch_open(PROGRESS_AUTO, &console);
    int ends[2];
    watch.rewrites = rewrites;
    assert_int_equal(pipe(ends), 0);
    int kept = dup(STDERR_FILENO);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    struct vitlrp_session_observer observer = pass_watch_observer(&watch);
    pass_watch_begin(&watch, "rise", 7.0);
    assert_int_equal(observer.cancelled(observer.user), 0); /* too early for a word */
    watch.start_ms -= 4000.0;
    watch.shown_ms -= 4000.0;
    observer.progress(observer.user, 250, 1000);
    assert_int_equal(observer.cancelled(observer.user), 0);
    assert_int_equal(observer.cancelled(observer.user), 0); /* nothing new */
    pass_watch_end(&watch);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    ssize_t size = read(ends[0], said, 511);
    assert_true(size > 0);
    said[size] = '\0';
    close(ends[0]);
    close(ends[1]);
    close(kept);
}

static void test_progress_of_a_pass(void **unused) {
    char said[512];
    (void) unused;
    say_progress(false, said);
    assert_string_equal(said, "vitlrp: rise takes about 16 s for a map\n");
    say_progress(true, said);
    char line[200];
    snprintf(line, sizeof line, "vitlrp: rise takes about 16 s for a map\n%-60s\r%60s\r",
             "rise: 25 %, about 12 s left", "");
    assert_string_equal(said, line);
}

static void test_a_quiet_pass(void **unused) {
    const struct console quiet = {.verbosity = 0};
    const struct console normal = {.verbosity = 1};
    (void) unused;
    struct pass_watch watch = pass_watch_open(PROGRESS_AUTO, &quiet);
    assert_null(pass_watch_observer(&watch).cancelled);
    watch = pass_watch_open(PROGRESS_NEVER, &normal);
    assert_null(pass_watch_observer(&watch).cancelled);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_2),          cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_in_a_container),     cmocka_unit_test(test_shortage_is_said_once),
        cmocka_unit_test(test_progress_of_a_pass), cmocka_unit_test(test_a_quiet_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
