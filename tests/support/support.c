/* support.c - main of every test program and the helpers of support.h. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "support.h"

#include "flashgmm/testing.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

static char tested[512];

void now_testing(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(tested, sizeof tested, format, values);
    va_end(values);
}

void print_what_is_tested(void)
{
    if (tested[0]) printf("while testing %s:\n", tested);
    fflush(stdout);
}

void skip_test(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    printf("skipped: ");
    vprintf(format, values);
    printf("\n");
    va_end(values);
    fflush(stdout);
    _exit(EXIT_SUCCESS); /* each test is a process of its own */
}

void skip_unless_cpu(const fgmm_device *device, const char *what)
{
    fgmm_device_info info = fgmm_device_info_init();
    ck_ok(fgmm_device_describe(device, &info));
    if (info.kind != FGMM_DEVICE_CPU) skip_test("%s: %s is no CPU", what, info.name);
}

void use_backend(fgmm_device *device, fgmm_backend backend)
{
    if (backend == FGMM_BACKEND_CPU_SIMD) skip_unless_cpu(device, "vector kernels");
    const fgmm_status status = fgmm_device_force_backend(device, backend);
    if (status == FGMM_UNSUPPORTED) skip_test("%s", fgmm_last_error()); /* a GPU without a matrix unit */
    ck_ok(status);
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

/* Seconds of processor time for a fixed piece of work, about 0.01 on a machine of 2021. */
static double measure_work(void)
{
    const clock_t start = clock();
    volatile unsigned mixed = 1;
    for (int i = 0; i < 10 * 1000 * 1000; i++) mixed = mixed * 1664525u + 1013904223u;
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* Time limits are there to end what hangs. They are written for an idle machine of today; here they become longer: by a
 * factor for what cannot be known, by how much slower this processor is (or its emulator), and by how many processes
 * wait for each processor. A given CK_TIMEOUT_MULTIPLIER counts on top (Check reads it). */
static void scale_time_limits(void)
{
    const double usual_s = 0.01, slack = 3;
    const char *given = getenv("CK_TIMEOUT_MULTIPLIER");
    const double slower = measure_work() / usual_s, multiplier = given ? strtod(given, NULL) : 1;
    double load = 1;
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(&load, 1) == 1 && processors > 0) load /= (double)processors;
    char text[32];
    snprintf(text, sizeof text, "%d",
             (int)ceil(slack * (slower > 1 ? slower : 1) * (load > 1 ? load : 1) * (multiplier > 0 ? multiplier : 1)));
    setenv("CK_TIMEOUT_MULTIPLIER", text, 1);
}

int main(void)
{
    scale_time_limits();
    snprintf(folder, sizeof folder, "/tmp/flashgmm-test-XXXXXX");
    if (!mkdtemp(folder)) return EXIT_FAILURE;
    setenv("TMPDIR", folder, 1); /* whatever the user's is */
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    remove_folder();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
