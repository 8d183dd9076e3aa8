/* support.c - main of every test program and the helpers of support.h. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "could not remove %s\n", folder);
}

const char *temporary_path(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void add_case(Suite *s, const char *name, void (*setup)(void), void (*teardown)(void), double timeout_s,
              const TTest *const *tests, size_t count)
{
    TCase *cases = tcase_create(name);
    if (setup || teardown) tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, timeout_s);
    for (size_t i = 0; i < count; i++) tcase_add_test(cases, tests[i]);
    suite_add_tcase(s, cases);
}

int main(void)
{
    snprintf(folder, sizeof folder, "/tmp/flashgmm-test-XXXXXX");
    if (!mkdtemp(folder)) return EXIT_FAILURE;
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    remove_folder();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
