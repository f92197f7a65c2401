/* Memory: what control groups leave of it, of both versions, in made-up trees; and how the command
 * says that there is too little. */
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/machine.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_2),
        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_in_a_container),
        cmocka_unit_test(test_shortage_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
